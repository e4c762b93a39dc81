"""Settings from the environment."""

from pathlib import Path

import msgspec
import pytest

from chassis.settings import SettingsError, read


class Settings(msgspec.Struct, frozen=True):
    secret_key: str
    http_port: int = 8000
    ratio: float = 0.5
    eager: bool = False
    folder: Path | None = None
    servers: list[str] = []


def test_each_field_comes_from_the_variable_of_its_name() -> None:
    environ = {
        "SECRET_KEY": "s",
        "HTTP_PORT": "81",
        "RATIO": "2",
        "EAGER": "true",
        "FOLDER": "/data",
        "SERVERS": "a, b",
    }
    assert read(Settings, environ) == Settings(
        "s", 81, 2.0, eager=True, folder=Path("/data"), servers=["a", "b"]
    )


def test_an_empty_variable_counts_as_unset() -> None:
    assert read(Settings, {"SECRET_KEY": "s", "HTTP_PORT": " "}) == Settings("s")


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    environ = {"SECRET_KEY_FILE": str(tmp_path / "key")}
    assert read(Settings, environ) == Settings("from a file")
    assert read(Settings, {**environ, "SECRET_KEY": "s"}) == Settings("s")


def test_an_empty_file_counts_as_unset(tmp_path: Path) -> None:
    (tmp_path / "port").touch()
    environ = {"SECRET_KEY": "s", "HTTP_PORT_FILE": str(tmp_path / "port")}
    assert read(Settings, environ).http_port == 8000


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^SECRET_KEY_FILE=.* cannot be read"):
        read(Settings, {"SECRET_KEY_FILE": str(file)})


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^SECRET_KEY must be set"):
        read(Settings, {})


def test_a_bad_value_is_shown_with_its_variable() -> None:
    with pytest.raises(SettingsError, match="HTTP_PORT=many does not fit"):
        read(Settings, {"SECRET_KEY": "s", "HTTP_PORT": "many"})


class Secret(msgspec.Struct):
    api_key: int


def test_a_bad_secret_is_not_shown() -> None:
    with pytest.raises(SettingsError, match=r"^API_KEY does not fit"):
        read(Secret, {"API_KEY": "hunter2"})
