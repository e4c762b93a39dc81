"""Where the log is, for whoever reads it offline."""

from pathlib import Path

import pytest

from standalone.errors import CannotStart
from standalone.machine.keys import load_keys
from standalone.servers.local_log import log_url


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_a_database_that_is_named_is_the_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://there/log")
    assert log_url(tmp_path) == "postgresql://there/log"


def test_the_embedded_one_is_reached_as_the_agent(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    keys = load_keys(tmp_path / "secrets.json")
    url = log_url(tmp_path)
    assert url.startswith(f"postgresql://agent:{keys.postgres_agent}@/atelier?host=/")


def test_without_any_database_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="There is no database"):
        log_url(tmp_path)
