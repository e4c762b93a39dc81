"""Who we are on each server."""

from pathlib import Path

import pytest

from standalone.client.credentials import (
    Account,
    credentials_file,
    load_account,
    save_account,
)
from standalone.client.errors import CommandFailed

ADA = Account("ada@example.org", "session=1")
BOB = Account("bob@example.org", "session=2", "secret")


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_nobody_signed_in_at_first() -> None:
    assert load_account("http://a") is None


def test_each_server_has_its_account() -> None:
    save_account("http://a", ADA)
    save_account("http://b", BOB)
    assert (load_account("http://a"), load_account("http://b")) == (ADA, BOB)


def test_an_account_can_be_forgotten() -> None:
    save_account("http://a", ADA)
    save_account("http://a", None)
    assert load_account("http://a") is None


def test_nobody_else_can_read_them() -> None:
    save_account("http://a", ADA)
    assert credentials_file().stat().st_mode & 0o777 == 0o600
    assert credentials_file().parent.stat().st_mode & 0o777 == 0o700


def test_a_damaged_file_is_told() -> None:
    save_account("http://a", ADA)
    credentials_file().write_text("{")
    with pytest.raises(CommandFailed, match="cannot be read"):
        load_account("http://a")
