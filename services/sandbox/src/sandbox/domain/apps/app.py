"""What an app is: how it is installed, and how it is started."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

PORT = "{port}"
"""Stands in an argument list for the port on which the app has to listen."""

Kind: TypeAlias = Literal["vite", "node", "asgi", "flask", "wsgi", "python", "static"]


class App(Struct, frozen=True):
    """How to run what a folder holds."""

    kind: Kind
    argv: tuple[str, ...] = ()
    """The server's command; empty where the files are served as they are."""
    reloads: bool = True
    """It shows a changed file by itself; otherwise a change means a restart."""
    manifests: tuple[str, ...] = ()
    """The files that say what has to be installed; empty: nothing has to."""
    variables: Mapping[str, str] = {}
    """What its environment lacks without us."""
    before: tuple[str, ...] = ()
    """A command to run before each start; the server is started whatever it says."""
    folder: str = ""
    """Where the files lie that are served as they are, if not at the top."""


class NoApp(Exception):
    """Nothing here can be run; one sentence says why."""
