"""Projects on their way in: archives to read, and repositories to fetch."""

from typing import Protocol

from api.domain.intake import Taken


class Unpacker(Protocol):
    """Reads archives where they can do no harm."""

    async def unzip(self, data: bytes) -> Taken:
        """Return what a zip comes to.

        Raises:
            Unfit: Nothing; the message is a sentence.
            Unavailable: There is no time for it now.

        """
        ...

    async def check_out(self, pack: bytes, head: str) -> Taken:
        """Return the files of a commit in a pack of git.

        Raises:
            Unfit: There are none; the message is a sentence.
            Unavailable: There is no time for it now.

        """
        ...


class Repositories(Protocol):
    """Fetches public repositories of git."""

    async def fetch(self, url: str, ref: str | None) -> tuple[str, bytes]:
        """Return a commit's id, and a pack with all that it needs.

        *ref* is a branch or a tag; None: what the repository shows first.

        Raises:
            Unfit: It cannot be had; the message is a sentence.

        """
        ...
