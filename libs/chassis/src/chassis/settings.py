"""Settings from the environment: read once, into a frozen struct."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, get_origin

import msgspec

_S = TypeVar("_S", bound=msgspec.Struct)

# A value of one of these is never repeated in a message, which ends up in a log.
_SECRET_WORDS = ("KEY", "PASSWORD", "SECRET", "TOKEN", "URL")


class SettingsError(Exception):
    """One sentence that names the variable and what is wrong with it."""


def read(kind: type[_S], environ: Mapping[str, str] | None = None) -> _S:
    """Return *kind* with each field taken from the variable of its name in capitals.

    A variable that is empty counts as unset; then the value is what stands in the file
    that the variable of the same name with `_FILE` after it names, so that a secret
    need not be in the environment. Numbers and booleans are converted, lists are
    separated by commas.

    Raises:
        SettingsError: A value does not fit, one without a default is missing, or a
            file cannot be read.

    """
    source = os.environ if environ is None else environ
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        variable = field.name.upper()
        text = source.get(variable, "").strip() or _in_file(variable, source)
        if text:
            values[field.name] = _convert(variable, text, field.type)
        elif field.required:
            raise SettingsError(f"{variable} must be set in the environment.")
    return kind(**values)


def _in_file(variable: str, source: Mapping[str, str]) -> str:
    """Return the value that a file holds, empty where none is named."""
    path = source.get(f"{variable}_FILE", "").strip()
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not text"
        raise SettingsError(
            f"{variable}_FILE={path} cannot be read: {reason}."
        ) from exc


def _convert(variable: str, text: str, kind: type[object]) -> object:
    plain: object = text
    if get_origin(kind) in (list, tuple, set, frozenset):
        plain = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.convert(plain, kind, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as exc:
        secret = any(word in variable for word in _SECRET_WORDS)
        shown = variable if secret else f"{variable}={text}"
        raise SettingsError(f"{shown} does not fit: {exc}.") from exc


def _decode(kind: type[object], value: object) -> object:
    if issubclass(kind, Path):
        return Path(str(value))
    raise NotImplementedError(f"settings of type {kind.__name__}")
