"""What people see: pages as a browser shows them, and output as it comes."""

from typing import Protocol
from uuid import UUID

from msgspec import Struct

from sandbox.domain.diagnosis.page import Finding
from sandbox.domain.output import Stream


class Look(Struct, frozen=True):
    """What was seen of a page."""

    findings: list[Finding]
    """What is wrong with it."""
    jpeg: bytes | None
    """How it looks, in a `contracts.sandbox.Screenshot`; None: it did not load."""
    is_whole: bool = True
    """All that it is made of has come."""


class Browser(Protocol):
    """Looks at previews as a person's browser would, and sees what goes wrong."""

    async def look(self, project_id: UUID, url: str) -> Look | None:
        """Return what the page at *url*, a preview of the project, looks like.

        None where there is no browser that can look, or it could not. It has no
        network but the preview, and bounds of time and size.
        """
        ...


class LogSink(Protocol):
    """The people who watch."""

    def show(self, project_id: UUID, stream: Stream, content: str) -> None:
        """Send whole lines to whoever looks at them now."""
        ...
