"""The file .env."""

from pathlib import Path

from standalone.machine.dotenv import load_dotenv

FILE = """
# a comment
PLAIN=value  # why
export EXPORTED=1
QUOTED="a # b"
SINGLE='c d'
EMPTY=
not a setting
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
    }


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\n")
    environ = {"PORT": "2"}
    load_dotenv(tmp_path / ".env", environ)
    assert environ == {"PORT": "2"}


def test_a_missing_file_is_no_mistake(tmp_path: Path) -> None:
    load_dotenv(tmp_path / ".env", {})
