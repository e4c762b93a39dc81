"""Packages that are there before anybody asks for them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from sandbox.domain.apps.template import Template


class Recipe(Struct, frozen=True):
    """What a template is made of."""

    name: str
    key: str
    """A digest of everything else: another content is another key."""
    files: Mapping[str, bytes]
    """A package.json, its package-lock.json, and an app that uses the packages."""

    @property
    def is_tool(self) -> bool:
        """Whether it is a program for the service, and not packages for apps."""
        return "index.html" not in self.files


class BadTemplate(Exception):
    """What was made is not what it should be; one sentence says why."""


class Templates(Protocol):
    """Packages that are installed before anybody asks for them."""

    @property
    def recipes(self) -> Sequence[Recipe]:
        """Return all that there should be, those first that are needed most."""
        ...

    def is_whole(self, recipe: Recipe) -> bool:
        """Tell whether it is there."""
        ...

    def ready(self) -> Sequence[Template]:
        """Return those that can be laid."""
        ...

    def claim(self, recipe: Recipe) -> AbstractAsyncContextManager[bool]:
        """Tell whether we may make it; meanwhile nobody else does."""
        ...

    async def publish(self, recipe: Recipe, spare: UUID) -> None:
        """Check what was installed in a spare folder, and take it from there.

        Raises:
            BadTemplate: It is not what it should be.

        """
        ...

    async def collect(self) -> None:
        """Remove templates that nobody has wanted for a week, and unfinished ones."""
        ...
