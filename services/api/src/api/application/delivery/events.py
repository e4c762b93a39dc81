"""A project's recorded events, in pages and as they happen."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from uuid import UUID

from api.application.errors import LimitReached
from api.ports import Agent
from contracts import codec, subjects
from contracts.codec import Undecodable
from contracts.envelope import Recorded
from contracts.project import ProjectDeleted
from eventcore.errors import Rejected
from eventcore.ports import Bus, Headers

MAX_FOLLOWERS = 10
"""Streams of one person at a time."""
BEAT_S = 15.0
"""Silence after which a follower hears so; looked at it is as often, busy or not."""
_PAGE = 200
_RETRY_S = 5

IsAllowed = Callable[[], Awaitable[bool]]
"""Tells whether whoever follows still may."""


class Events:
    """Reads the log through the agent; the bus only says that there is more."""

    def __init__(self, agent: Agent, bus: Bus, stopping: asyncio.Event) -> None:
        """End all streams with *stopping*: clients come back to another process."""
        self._agent = agent
        self._bus = bus
        self._stopping = stopping
        self._following: Counter[UUID] = Counter()

    async def page(
        self, user_id: UUID, project_id: UUID, after: int, limit: int
    ) -> Sequence[Recorded]:
        """Return events after *after*, in order; none only where there are no more.

        Raises:
            Rejected: There is no such project, or it is somebody else's.
            Unavailable: No agent answers.

        """
        history = await self._agent.history(
            project_id, after, limit=limit, user_id=user_id
        )
        return history.events

    def check_room(self, user_id: UUID) -> None:
        """Return if this person may have one more stream.

        Raises:
            LimitReached: There are too many.

        """
        if self._following[user_id] >= MAX_FOLLOWERS:
            raise LimitReached(_RETRY_S)

    @contextmanager
    def counted(self, user_id: UUID) -> Iterator[None]:
        """Count a stream of this person."""
        self._following[user_id] += 1
        try:
            yield
        finally:
            self._following[user_id] -= 1
            self._following += Counter()  # drops those at zero

    async def follow(
        self, user_id: UUID, project_id: UUID, after: int, is_allowed: IsAllowed
    ) -> AsyncIterator[Sequence[Recorded]]:
        """Yield all events after *after*, each once and in order, until there are none.

        An empty page says that nothing has happened for a while. It ends after the
        project does, when the process stops, or when it is not allowed any more, which
        is looked at when sessions of this person end and every ``BEAT_S`` besides.

        Raises:
            Rejected: As `page`.
            Unavailable: As `page`; following after the last event loses nothing.

        """
        news = _News()
        async with AsyncExitStack() as stack:
            for subject, hear in (
                (subjects.events_of(project_id), news.hear),
                (subjects.auth_ended(user_id), news.hear_ended),
            ):
                listening = await self._bus.listen(subject, hear)
                stack.push_async_callback(listening.close)
            told: Sequence[Recorded] = ()
            while not self._stopping.is_set():
                if news.is_look_due() and not await is_allowed():
                    return
                page = told or await self._next_page(user_id, project_id, after, news)
                told = ()
                if page:
                    yield page
                    after = page[-1].seq
                    if _is_end(page[-1]):
                        return
                    continue
                body = await self._next(news)
                told = _next_events(body, after)
                if body is None:
                    news.look_soon()
                    yield ()

    async def _next_page(
        self,
        user_id: UUID,
        project_id: UUID,
        after: int,
        news: "_News",
    ) -> Sequence[Recorded]:
        """Return the next page of a project that was this person's a moment ago."""
        try:
            return await self.page(user_id, project_id, after, _PAGE)
        except Rejected:
            # Deleted since then: its last event is on its way.
            last = _next_events(await self._next(news), after)
            if not last or not _is_end(last[-1]):
                raise
            return last

    async def _next(self, news: "_News") -> bytes | None:
        """Return what was heard; None after a while, or when the process stops."""
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(_heard(news.bodies))
            stopping = tasks.create_task(_until(self._stopping))
            await asyncio.wait(
                {waiting, stopping},
                timeout=BEAT_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            stopping.cancel()
            if not waiting.done():
                waiting.cancel()
                return None
        return waiting.result()


class _News:
    """What the bus says to a follower: that there is more, or that it should look."""

    def __init__(self) -> None:
        self.bodies: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._look_at = time.monotonic() + BEAT_S

    def hear(self, _: str, body: bytes, __: Headers) -> None:
        with suppress(asyncio.QueueFull):  # then the log is asked anyway
            self.bodies.put_nowait(body)

    def hear_ended(self, subject: str, _: bytes, headers: Headers) -> None:
        self.look_soon()
        self.hear(subject, b"", headers)

    def look_soon(self) -> None:
        """Have it looked at before anything else whether whoever follows still may."""
        self._look_at = 0.0

    def is_look_due(self) -> bool:
        """Tell whether it is time to look; the next time is after a while."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + BEAT_S
        return True


async def _heard(queue: "asyncio.Queue[bytes]") -> bytes:
    return await queue.get()


async def _until(event: asyncio.Event) -> None:
    await event.wait()


def _next_events(body: bytes | None, after: int) -> Sequence[Recorded]:
    """Return what a message tells beyond *after*, where nothing is missing between."""
    if body is None:
        return ()
    try:
        newer = [one for one in codec.decode_batch(body) if one.seq > after]
    except Undecodable:
        return ()
    return newer if newer and newer[0].seq == after + 1 else ()


def _is_end(recorded: Recorded) -> bool:
    return recorded.type == str(ProjectDeleted.__struct_config__.tag)
