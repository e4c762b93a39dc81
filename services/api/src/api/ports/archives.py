"""Projects on their way out: archives, as files that go when they are closed."""

from collections.abc import Iterable
from typing import BinaryIO, Protocol

from msgspec import Struct

from api.domain.project_fold import FileRow
from api.domain.revision import Revision


class TooLarge(Exception):
    """An archive would be larger than anybody can handle; the message says so."""


class Person(Struct, frozen=True):
    """In whose name a person's revisions are."""

    name: str
    email: str


class History(Protocol):
    """An archive of revisions that is being written."""

    async def add(self, revisions: Iterable[Revision]) -> None:
        """Add revisions, the next ones in order.

        Raises:
            TooLarge: There is no room.

        """
        ...

    async def finish(self) -> BinaryIO:
        """Return the whole archive, at its beginning."""
        ...

    def close(self) -> None:
        """Drop what was written, where it is not going to be finished."""
        ...


class Archives(Protocol):
    """Makes archives."""

    async def files(self, folder: str, files: Iterable[FileRow]) -> BinaryIO:
        """Return a zip of *files* in *folder*, at its beginning.

        Raises:
            TooLarge: There is no room.

        """
        ...

    def history(self, owner: Person) -> History:
        """Begin a git bundle."""
        ...
