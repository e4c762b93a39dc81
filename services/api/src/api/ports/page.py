"""The built web client, and what it says of the world around."""

from typing import Protocol
from uuid import UUID

from msgspec import Struct

from contracts.sandbox import IsolationTold


class PageFile(Struct, frozen=True):
    """A file of the built web client, as it is sent."""

    content: bytes
    media_type: str
    encoding: str | None
    """How *content* is compressed, in the words of Content-Encoding."""
    etag: str


class PageFiles(Protocol):
    """The built web client."""

    def find(self, path: str, accepted: str) -> PageFile | None:
        """Return a file by its path below the root, such as ``assets/index.js``.

        Of its forms it is the smallest that *accepted*, an Accept-Encoding, allows.
        None where there is no such file, or no client has been built yet.
        """
        ...


class Apps(Protocol):
    """Where generated apps run."""

    async def isolation(self) -> IsolationTold | None:
        """Return how they are kept apart, as last told; None: nobody has said yet."""
        ...

    async def opening(self, project_id: UUID) -> str | None:
        """Return the address of the page that an app opens in; None: nobody says."""
        ...

    async def screenshot(self, project_id: UUID) -> bytes | None:
        """Return how an app looked last, as a JPEG that is one; None: nobody says."""
        ...
