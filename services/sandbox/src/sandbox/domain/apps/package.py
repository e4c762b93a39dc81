"""What a package.json says, read as npm reads it."""

import json
from typing import Any

import msgspec
from msgspec import Struct

from sandbox.domain.apps.app import NoApp


class Package(Struct, frozen=True):
    """The parts of a package.json that say how to run it."""

    scripts: dict[str, str] = {}
    dependencies: dict[str, str] = {}
    dev_dependencies: dict[str, str] = msgspec.field(name="devDependencies", default={})
    optional_dependencies: dict[str, str] = msgspec.field(
        name="optionalDependencies", default={}
    )
    peer_dependencies: dict[str, str] = msgspec.field(
        name="peerDependencies", default={}
    )
    workspaces: Any = None

    @property
    def needs_packages(self) -> bool:
        """Whether npm would have anything to do."""
        return bool(
            self.dependencies
            or self.dev_dependencies
            or self.optional_dependencies
            or self.peer_dependencies
            or self.workspaces
        )

    @property
    def wanted(self) -> dict[str, str]:
        """Every package that is asked for, with its range."""
        return {
            **self.peer_dependencies,
            **self.optional_dependencies,
            **self.dev_dependencies,
            **self.dependencies,
        }


_BYTE_ORDER_MARK = "\ufeff"
"""Some editors begin a file with it, and neither npm nor Node minds."""
_packages = msgspec.json.Decoder(dict[str, Any])
_NAMING_PACKAGES = (
    *("dependencies", "devDependencies"),
    *("optionalDependencies", "peerDependencies"),
)


def read_package(text: str) -> Package:
    """Return what a package.json says to npm, which is not strict about what it reads.

    Raises:
        NoApp: It is not the JSON that it should be.

    """
    try:
        said = _packages.decode(text.removeprefix(_BYTE_ORDER_MARK))
        return msgspec.convert(_as_npm_reads(said), Package)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        where = _where(text)
        raise NoApp(f"package.json cannot be read: {where}{exc}.") from exc


def _where(text: str) -> str:
    """Return the place of the mistake in a package.json, if it is one of JSON."""
    try:
        json.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except json.JSONDecodeError as exc:
        return f"package.json:{exc.lineno}: "
    except RecursionError:
        pass
    return ""


def _as_npm_reads(said: dict[str, Any]) -> dict[str, Any]:
    """Return *said* without what npm takes for nothing."""
    read = {**said}
    for key in _NAMING_PACKAGES:
        if not said.get(key) or isinstance(said[key], int | float):
            read[key] = {}
    scripts = said.get("scripts")
    named = scripts.items() if isinstance(scripts, dict) else ()
    read["scripts"] = {name: one for name, one in named if isinstance(one, str)}
    return read
