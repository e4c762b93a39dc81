"""The secrets of an installation."""

from pathlib import Path

import pytest

from standalone.errors import CannotStart
from standalone.machine.keys import load_keys


def test_keys_are_made_once_and_readable_by_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = load_keys(file)
    assert load_keys(file) == first
    assert file.stat().st_mode & 0o777 == 0o600


def test_each_installation_has_its_own(tmp_path: Path) -> None:
    first, second = load_keys(tmp_path / "a"), load_keys(tmp_path / "b")
    assert first.secret_key != second.secret_key
    assert first.postgres_agent != first.postgres_api


def test_a_key_that_an_older_version_did_not_know_is_added(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text('{"nats_api": "kept"}')
    keys = load_keys(file)
    assert keys.nats_api == "kept"
    assert load_keys(file) == keys


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"secret_key": 1}'])
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secrets.json"
    file.write_bytes(content)
    with pytest.raises(CannotStart, match=r"secrets\.json cannot be read"):
        load_keys(file)
    assert file.read_bytes() == content
