"""What of an archive becomes files."""

import pytest

from api.domain.intake import (
    MAX_BYTES,
    MAX_ENTRIES,
    MAX_FILES,
    MAX_TOLD,
    Intake,
    LeftOut,
    Unfit,
    common_folder,
)

FOUR_MIB = 4 << 20


def test_a_file_is_taken_under_its_shortest_path() -> None:
    intake = Intake()
    path = intake.wants("./a//b.txt", 1)
    assert path == "a/b.txt"
    intake.add(path, b"x")
    assert intake.taken().files == {"a/b.txt": b"x"}


@pytest.mark.parametrize(
    "path", ["../a", "/a", "a/../../b", "C:\\a", "a\0b", "", "\ud800"]
)
def test_a_path_that_no_file_may_have_is_left_out(path: str) -> None:
    intake = Intake()
    assert intake.wants(path, 1) is None
    (left_out,) = intake.taken().left_out
    assert left_out.reason.startswith("Its path is refused: ")
    assert "\0" not in left_out.path


def test_what_is_no_source_is_told_once_by_its_folder() -> None:
    intake = Intake()
    for name in ("a.js", "b.js"):
        assert intake.wants(f"app/node_modules/{name}", 1) is None
    assert intake.taken().left_out == [LeftOut("app/node_modules", "It is not source")]


@pytest.mark.parametrize("said", [0, FOUR_MIB + 1])
def test_a_file_that_is_too_large_is_left_out_whatever_it_says(said: int) -> None:
    intake = Intake()
    path = intake.wants("a", said)
    if path is not None:
        intake.add(path, bytes(FOUR_MIB + 1))
    assert intake.taken().left_out == [LeftOut("a", "It is larger than 4 MiB")]
    assert intake.taken().files == {}


def test_what_stands_for_a_file_that_is_elsewhere_is_no_file() -> None:
    intake = Intake()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    intake.add("a.png", pointer)
    intake.add("docs.md", pointer + bytes(2000))  # it only tells of such files
    (left_out,) = intake.taken().left_out
    assert (left_out.path, list(intake.taken().files)) == ("a.png", ["docs.md"])


def add_all(intake: Intake, count: int, data: bytes) -> None:
    for number in range(count):
        intake.add(str(number), data)


def test_there_is_an_end_to_files_and_bytes() -> None:
    with pytest.raises(Unfit, match="more than 500 files"):
        add_all(Intake(), MAX_FILES + 1, b"")
    with pytest.raises(Unfit, match="larger than 20 MiB"):
        add_all(Intake(), MAX_BYTES // FOUR_MIB + 1, bytes(FOUR_MIB))


def test_there_is_an_end_to_names_and_to_what_is_told_of_them() -> None:
    intake = Intake()
    for number in range(MAX_ENTRIES):
        intake.wants(f"../{number}", 1)
    assert len(intake.taken().left_out) == MAX_TOLD
    with pytest.raises(Unfit, match="more than 20,000 files"):
        intake.wants("one more", 1)


def test_the_last_one_of_a_name_counts_once() -> None:
    intake = Intake()
    for _ in range(MAX_BYTES // FOUR_MIB + 1):
        intake.add("a", bytes(FOUR_MIB))
    assert len(intake.taken().files) == 1


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["app/a", "app/b/c"], "app/"),
        (["app/a", "__MACOSX/app/._a"], "app/"),
        *((["app/a", "b"], ""), (["a"], ""), ([], ""), (["../a", "../b"], "")),
        *((["/a", "/b"], ""), (["a/x", "b/x"], "")),
    ],
)
def test_the_one_folder_that_all_are_in_is_no_part_of_it(
    paths: list[str], folder: str
) -> None:
    assert common_folder(paths) == folder
