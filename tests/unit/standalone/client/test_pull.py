"""Files are written beneath the folder, and nowhere else."""

from pathlib import Path

import pytest

from standalone.client.errors import CommandFailed
from standalone.client.pull import pull

FILES = {"index.html": "<p>", "src/deep/App.tsx": "export {}"}


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    target = tmp_path / "new" / "app"
    assert pull(FILES, target, overwrite=False) == sorted(FILES)
    assert content(target) == FILES


def test_what_is_the_same_already_is_left_alone(tmp_path: Path) -> None:
    pull(FILES, tmp_path, overwrite=False)
    assert pull(FILES, tmp_path, overwrite=False) == []


def test_what_a_person_changed_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    pull(FILES, tmp_path, overwrite=False)
    (tmp_path / "index.html").write_text("mine")
    changed = {**FILES, "new.txt": ""}
    with pytest.raises(CommandFailed, match="--force"):
        pull(changed, tmp_path, overwrite=False)
    assert content(tmp_path) == {**FILES, "index.html": "mine"}
    assert pull(changed, tmp_path, overwrite=True) == ["index.html", "new.txt"]


@pytest.mark.parametrize(
    "path", ["../out", "/etc/passwd", "a/../../out", "a\\b", ".git/config", "", "a\0b"]
)
def test_an_unsafe_path_stops_everything(tmp_path: Path, path: str) -> None:
    target = tmp_path / "app"
    with pytest.raises(CommandFailed, match="is not safe"):
        pull({"good.txt": "x", path: "x"}, target, overwrite=True)
    assert not target.exists()


@pytest.mark.parametrize("link", ["src", "src/deep"])
def test_a_linked_folder_does_not_lead_out(tmp_path: Path, link: str) -> None:
    outside, target = tmp_path / "outside", tmp_path / "app"
    outside.mkdir()
    (target / link).parent.mkdir(parents=True)
    (target / link).symlink_to(outside)
    with pytest.raises(CommandFailed, match="cannot be written here"):
        pull(FILES, target, overwrite=True)
    assert content(outside) == {}


def test_a_linked_file_is_not_written_through(tmp_path: Path) -> None:
    outside, target = tmp_path / "outside.html", tmp_path / "app"
    outside.write_text("safe")
    target.mkdir()
    (target / "index.html").symlink_to(outside)
    with pytest.raises(CommandFailed, match="cannot be written here"):
        pull(FILES, target, overwrite=True)
    assert outside.read_text() == "safe"


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    with pytest.raises(CommandFailed, match=r"index\.html cannot be written here"):
        pull(FILES, tmp_path, overwrite=True)
