"""The file .env."""

from pathlib import Path

import pytest

from standalone.errors import CannotStart
from standalone.machine.dotenv import load_dotenv

FILE = """
# a comment
PLAIN=value  # why
export EXPORTED=1
QUOTED="a # b"
SINGLE='c d'
EMPTY=

BARE=it's # fine
"""


def test_settings_are_read_as_people_write_them(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(FILE)
    environ: dict[str, str] = {}
    load_dotenv(tmp_path / ".env", environ)
    assert environ == {
        "PLAIN": "value",
        "EXPORTED": "1",
        "QUOTED": "a # b",
        "SINGLE": "c d",
        "EMPTY": "",
        "BARE": "it's",
    }


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\n")
    environ = {"PORT": "2"}
    load_dotenv(tmp_path / ".env", environ)
    assert environ == {"PORT": "2"}


def test_a_missing_file_is_no_mistake(tmp_path: Path) -> None:
    load_dotenv(tmp_path / ".env", {})


@pytest.mark.parametrize(
    "line",
    [
        b"not a setting",
        b"=value",
        b"1NAME=value",
        b'OPEN="value',
        b"OPEN='value' and more",
        b"LATIN=caf\xe9",
        b"NUL=\0",
    ],
)
def test_a_line_that_is_no_setting_is_told_by_its_number_and_nothing_is_set(
    tmp_path: Path, line: bytes
) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfFIRST=1\r\n# two\r\n" + line)
    environ: dict[str, str] = {}
    with pytest.raises(CannotStart, match=r"\.env, line 3: this is not a setting"):
        load_dotenv(tmp_path / ".env", environ)
    assert environ == {}


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(CannotStart, match="cannot be read: Is a directory"):
        load_dotenv(tmp_path / ".env", {})
