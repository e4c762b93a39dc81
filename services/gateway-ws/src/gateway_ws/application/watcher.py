"""One connection that watches a project: who it is and where it stands."""

from typing import TYPE_CHECKING
from uuid import UUID

from gateway_ws.application import metrics
from gateway_ws.ports import Client

if TYPE_CHECKING:
    import asyncio

    from gateway_ws.domain.text import Place


class Watcher:
    """*seq*, *shown* and *page* are kept only while it is late."""

    __slots__ = ("catching_up", "client", "page", "seq", "shown", "user_id")

    def __init__(self, user_id: UUID, client: Client, seq: int) -> None:
        self.user_id = user_id
        self.client = client
        self.seq = seq
        """The last event that it was told."""
        self.shown: Place | None = None
        """How far it was shown the open file."""
        self.page = 0
        """Events that it took of the last page of history; 0 before the first one."""
        self.catching_up: asyncio.Task[None] | None = None

    def tell(self, *frames: bytes) -> None:
        """Write frames to it alone, in one piece; a single one is not copied."""
        metrics.FRAMES_OUT.count += len(frames)
        self.client.write(b"".join(frames))
