"""Writing answers, and what they leave behind."""

import pytest

from scof import (
    Event,
    FileClosed,
    FileTruncated,
    PatchClosed,
    PatchFailed,
    UnsafePath,
    replay,
    serialize,
)
from tests.unit.scof.answers import codes, read


def test_a_file_is_written_as_documented() -> None:
    assert serialize({"src/a.ts": "x\n"}) == "cat > src/a.ts << 'EOF'\nx\nEOF\n"


def test_an_empty_file_is_a_block_without_lines() -> None:
    assert serialize({"a": ""}) == "cat > a << 'EOF'\nEOF\n"


def test_a_content_without_final_line_feed_takes_a_patch() -> None:
    assert serialize({"a": "x\ny"}) == (
        "cat > a << 'EOF'\nx\ny\nEOF\n"
        "cat << 'EOF' | patch a\n@@ -2 +2 @@\n-y\n+y\n"
        "\\ No newline at end of file\nEOF\n"
    )


CONTENTS = [
    *["", "\n", "x", "x\n", "\n\n", "\nx", "\ufeffx"],
    *["EOF", "EOF\n", "EOF\r\n", "a\nEOF  \nEOF_2\n", "EO"],
    *["x\r\ny\r\n", "x\r\ny", "x\r", "}\n}\n}", "-x\n+y", "@@\n\\"],
    *["\\ No newline at end of file", "cat > a << 'EOF'\nEOF\n", "```\nx\n```\n"],
]


@pytest.mark.parametrize("content", CONTENTS)
def test_a_content_is_read_back_byte_for_byte(content: str) -> None:
    events = read(serialize({"dir/a": content, "b": "next\n"}))
    assert replay(events, {}) == {"dir/a": content, "b": "next\n"}
    assert set(codes(events)) <= {"possible_missing_marker", "fenced_body"}


def test_a_marker_is_chosen_that_is_no_line_of_the_content() -> None:
    assert serialize({"a": "EOF\nEOF_2 \nEOF_4\n"}).startswith("cat > a << 'EOF_3'\n")


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("./a//b", "a/b"),
        ("my file", "'my file'"),
        ("app/(g)/[x]/$y", "'app/(g)/[x]/$y'"),
        ("-x", "'./-x'"),
        ("-x y", "'./-x y'"),
        ("\u4f60", "'\u4f60'"),
    ],
)
def test_a_path_is_written_as_one_word(path: str, written: str) -> None:
    answer = serialize({path: "x\n"})
    assert answer.startswith(f"cat > {written} << 'EOF'\n")
    assert codes(read(answer)) == []


def test_an_unsafe_path_is_not_written() -> None:
    with pytest.raises(UnsafePath):
        serialize({"../a": "x\n"})


def test_half_a_surrogate_pair_is_not_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        serialize({"a": "\ud83d"})


def test_no_files_are_no_answer() -> None:
    assert serialize({}) == ""


def test_blocks_apply_in_the_order_in_which_they_closed() -> None:
    events: list[Event] = [
        FileClosed("a", "1\n"),
        PatchClosed("a", "-1\n+2\n"),
        FileTruncated("a", "cut"),
        PatchClosed("b", "-x\n+y\n"),
    ]
    assert replay(events, {"b": "x\n", "c": ""}) == {"a": "2\n", "b": "y\n", "c": ""}


def test_replaying_leaves_the_files_as_they_were() -> None:
    before = {"a": "1\n"}
    replay([FileClosed("a", "2\n")], before)
    assert before == {"a": "1\n"}


def test_a_patch_that_does_not_apply_is_an_error() -> None:
    with pytest.raises(PatchFailed):
        replay([PatchClosed("a", "-x\n+y\n")], {"a": "z\n"})
