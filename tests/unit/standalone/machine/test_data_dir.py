"""The data directory."""

from pathlib import Path

import pytest

from standalone.errors import CannotStart
from standalone.machine import data_dir


def test_it_is_made_and_closed_to_others(tmp_path: Path) -> None:
    with data_dir.opened(tmp_path / "a" / "b") as folder:
        assert folder.stat().st_mode & 0o066 == 0


def test_a_second_instance_is_told_who_has_it(tmp_path: Path) -> None:
    with (
        data_dir.opened(tmp_path),
        pytest.raises(CannotStart, match=r"already running on .* \(process \d+\)"),
        data_dir.opened(tmp_path),
    ):
        pass


def test_it_can_be_opened_again_afterwards(tmp_path: Path) -> None:
    with data_dir.opened(tmp_path):
        pass
    with data_dir.opened(tmp_path):
        pass


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with (
        pytest.raises(CannotStart, match="cannot be used"),
        data_dir.opened(tmp_path / "data"),
    ):
        pass
