"""The folders of projects; whatever lies in them is hostile."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from sandbox.domain.apps.template import Laid


class FolderState(Struct, frozen=True):
    """What is known of a folder; it survives a restart."""

    epoch: int = 0
    """The highest that was seen in a request."""
    version: int = 0
    """The project's version whose files are here."""
    files: dict[str, str] = {}
    """SHA-256 of each file that we wrote, by path."""
    installed: str | None = None
    """Digest of what was installed last."""
    laid: Laid | None = None
    """What that was laid on, and with what; None: on nothing, or it is not known."""


class BadFolder(Exception):
    """Something in the sandbox's folder is in the way; one sentence says what."""


class Folder(Protocol):
    """The folder of one project. Whatever lies in it is hostile."""

    async def state(self) -> FolderState:
        """Return what was saved last; the defaults where nothing was."""
        ...

    async def save(self, state: FolderState) -> None:
        """Keep *state*; on return it survives a power cut.

        Raises:
            BadFolder: The disk is full, or does not take it.

        """
        ...

    async def apply(
        self, writes: Mapping[str, bytes], deletes: Collection[str]
    ) -> None:
        """Delete, then write; each file appears as a whole or not at all.

        Raises:
            BadFolder: The disk is full, or a name cannot be written.

        """
        ...

    async def lacks(self, paths: Collection[str]) -> set[str]:
        """Return those *paths* that are no regular files."""
        ...

    async def read(self, paths: Collection[str], max_bytes: int) -> dict[str, bytes]:
        """Return the contents of the regular files of at most *max_bytes* each."""
        ...

    async def has_folder(self, name: str) -> bool:
        """Tell whether there is a folder of this name at the top, or is laid there."""
        ...

    async def lay(self, key: str, hidden: Sequence[str]) -> None:
        """Put a template's packages where `node_modules` is, without those *hidden*.

        Nothing of what was there is left. No command of the project may be running.

        Raises:
            BadFolder: The disk is full, or the template is gone.

        """
        ...

    async def adopt(self, spare: UUID) -> None:
        """Take over the folders of a spare, and what runs in them, as they are.

        What was here before is gone; the state stays.

        Raises:
            BadFolder: It cannot be done.

        """
        ...

    async def keep_screenshot(self, jpeg: bytes) -> None:
        """Put how the app looks in the place of how it looked before.

        Where there is no folder any more, or no room, nothing is kept.
        """
        ...

    async def screenshot(self, max_bytes: int) -> bytes | None:
        """Return what was kept; None where nothing was, or more than *max_bytes*."""
        ...

    async def lift(self) -> None:
        """Take away what was laid, and what was added to it, if there is any."""
        ...

    async def remove(self) -> None:
        """Delete everything, the state too."""
        ...


class Folders(Protocol):
    """All folders of this machine."""

    def open(self, project_id: UUID) -> Folder:
        """Return the folder of a project, whether it exists or not."""
        ...

    def list_own(self) -> list[UUID]:
        """Return the projects that have a folder."""
        ...

    def open_spare(self, *, for_us: bool = False) -> tuple[UUID, Folder]:
        """Return an id and a folder that belong to no project, and end with us.

        One *for_us* has no bound, and nobody adopts it: what is made there is ours.

        Raises:
            BadFolder: The disk is full, or does not take it.

        """
        ...
