"""One project and all who watch it: what happens is built once and told to everybody.

Most who watch are *live*: they have been told everything up to the room's head. Who
joins with an older seq, or does not take what is written, is *late*: of such a one the
room keeps two numbers (the last seq, and how far the open file was shown), reads the
history for it as fast as it takes it, and makes it live again at the head. So a slow
client costs no memory and delays nobody.
"""

import asyncio
import random
from uuid import UUID

import msgspec
import structlog

from contracts import codec, project
from contracts.envelope import Recorded
from contracts.progress import (
    FileStarted,
    FileText,
    ProgressMessage,
    ReplyText,
    SandboxLog,
)
from contracts.requests import History
from gateway_ws.application import metrics
from gateway_ws.application.live import Live
from gateway_ws.application.open_file import OpenFileFollower
from gateway_ws.application.shared_frames import LONG_BYTES, SharedFrames
from gateway_ws.application.turn import Turn
from gateway_ws.application.watcher import Watcher
from gateway_ws.domain import frames, wire
from gateway_ws.ports import Projects, Refused, Unavailable

PAGE = 200
"""Events asked for at once, at most."""
FRAMES_AT_ONCE = 16
"""Frames of history that go out in one write, where none of them is long."""
TEXT_AT_ONCE = 16_384
"""Code points of the open file that a late one is shown before the next look at it."""
RECHECK_S = 1.0
"""A room that hears nothing looks into the log: the bus may have lost something."""
RECHECK_MAX_S = 30.0
"""It does so ever more rarely, up to this time."""
RETRY_S = 0.5

_log = structlog.get_logger(__name__)
_progress: msgspec.json.Decoder[ProgressMessage | ReplyText] = codec.decoder(
    ProgressMessage | ReplyText
)


class Room:
    """The watchers of one project; the bus's messages come in by the two listeners."""

    __slots__ = (
        "_advancing",
        "_file",
        "_heard",
        "_late",
        "_live",
        "_missed",
        "_projects",
        "_quiet_s",
        "_shared",
        "_tasks",
        "project_id",
    )

    def __init__(
        self,
        project_id: UUID,
        projects: Projects,
        shared: SharedFrames,
        turn: Turn,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.project_id = project_id
        self._projects = projects
        self._shared = shared
        self._tasks = tasks
        self._late: set[Watcher] = set()
        self._file = OpenFileFollower(project_id, projects, tasks, self._changed)
        self._live = Live(self._file.text, turn, self._take_late)
        self._file.gather = self._live.gather_text
        self._heard = 0
        self._advancing = asyncio.Lock()
        self._missed = asyncio.Event()
        self._quiet_s = RECHECK_S

    # --- who watches ----------------------------------------------------------------

    def watchers(self) -> set[Watcher]:
        """Return those who watch."""
        return self._live.watchers | self._late

    async def join(self, watcher: Watcher, version: int) -> None:
        """Have *watcher* told all after its seq, which is *version* at most.

        *version* is the log's end as it was after the room began to listen.

        Raises:
            Refused: Its user may not see the project.
            Unavailable: The history cannot be had now.

        """
        if self._live.seq == 0:
            self._live.start(version)
            self._file.ask()
        while self._live.seq < version:
            if await self._advance(watcher.user_id) and self._live.seq < version:
                raise Unavailable("the history ends before the project's version")
        self._take_late(watcher)
        if self._heard > self._live.seq:
            self._missed.set()

    def leave(self, watcher: Watcher) -> None:
        """Forget *watcher*."""
        self._live.discard(watcher)
        self._late.discard(watcher)
        if watcher.catching_up is not None:
            watcher.catching_up.cancel()

    def close(self, code: int) -> None:
        """Close all sockets; those who are live hear what is gathered before."""
        self._live.flush()
        for watcher in self.watchers():
            watcher.client.close(code)

    # --- from the bus ---------------------------------------------------------------

    def on_events(self, body: bytes) -> None:
        """Tell recorded events to all who have not been told them."""
        try:
            events = codec.decode_batch(body)
        except codec.Undecodable as error:
            metrics.BUS_MALFORMED.inc()
            _log.warning("undecodable events", reason=str(error))
            return
        for recorded in events:
            if recorded.project_id == self.project_id:
                self._take(recorded)

    def on_progress(self, body: bytes) -> None:
        """Show text, answers and logs to all who are live."""
        if self._live.show_next(body):
            return
        try:
            message = _progress.decode(body)
        except codec.Malformed as error:
            metrics.BUS_MALFORMED.inc()
            _log.warning("undecodable progress", reason=str(error))
            return
        if isinstance(message, FileText | FileStarted):
            if isinstance(message, FileText):
                self._live.text_came()
            self._file.take(message)
        elif isinstance(message, SandboxLog):
            self._live.gather(wire.text(frames.log_frame(message)))
        else:
            self._live.gather(wire.text(frames.reply_frame(message)))
        self._live.flush_soon()

    def look_again(self) -> None:
        """Look into the log now: the bus was away and may have lost something."""
        self._missed.set()
        self._file.ask()

    def _changed(self) -> None:
        self._live.flush_soon()

    # --- the log --------------------------------------------------------------------

    def _take(self, recorded: Recorded) -> None:
        """Move the head on by *recorded*, if it is the next one."""
        head = self._live.seq
        if recorded.seq <= head:
            return
        self._heard = max(self._heard, recorded.seq)
        if recorded.seq > head + 1 or head == 0:
            self._missed.set()
            return
        self._quiet_s = RECHECK_S
        event = frames.event_of(recorded)
        self._file.end_with(event)
        frame = self._shared.of(recorded, event)
        self._live.gather_event(recorded, event, frame)
        self._live.flush_soon()
        if isinstance(event, project.ProjectDeleted):
            self.close(wire.FORBIDDEN)

    async def watch_log(self) -> None:
        """Bring what the bus has lost, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._quiet_s * random.uniform(0.5, 1.5)):  # noqa: S311 - so that rooms do not all look at once
                    await self._missed.wait()
            except TimeoutError:
                self._quiet_s = min(2 * self._quiet_s, RECHECK_MAX_S)
            self._missed.clear()
            try:
                await self._recheck()
            except Unavailable:
                self._missed.set()
                await asyncio.sleep(RETRY_S)

    async def _recheck(self) -> None:
        """Read on after the head; who may not see the project any more is closed."""
        for user_id in {watcher.user_id for watcher in self.watchers()}:
            try:
                while not await self._advance(user_id):
                    pass
            except Refused:
                for watcher in self.watchers():
                    if watcher.user_id == user_id:
                        watcher.client.close(wire.FORBIDDEN)

    async def _advance(self, user_id: UUID) -> bool:
        """Read one page after the head; return whether that was the last one."""
        async with self._advancing:
            before = self._live.seq
            page = await self._page(user_id, before, PAGE)
            for recorded in page.events:
                self._take(recorded)
            if self._live.seq == before and page.events:
                raise Unavailable("the history does not go on where it should")
            return self._live.seq >= page.version

    async def _page(self, user_id: UUID, after: int, limit: int) -> History:
        page = await self._projects.history(
            user_id, self.project_id, after=after, limit=limit
        )
        if page.version > after and not page.events:
            raise Unavailable("the history has a hole")
        return page

    # --- those who are late ---------------------------------------------------------

    def _take_late(self, watcher: Watcher) -> None:
        """Make *watcher* live if it lacks nothing, else let it catch up."""
        self._late.add(watcher)
        if not self._is_settled(watcher):
            watcher.catching_up = self._tasks.create_task(self._bring_up(watcher))

    def _is_settled(self, watcher: Watcher) -> bool:
        """Show one at the head what it lacks of the open file; tell if it is live."""
        while watcher.seq >= self._live.seq and not watcher.client.is_slow:
            self._live.flush()
            messages, watcher.shown = self._file.text.some_since(
                watcher.shown, TEXT_AT_ONCE
            )
            if not messages:
                self._late.discard(watcher)
                self._live.add(watcher)
                return True
            for message in messages:
                watcher.tell(wire.text(frames.text_frame(message)))
        return False

    async def _bring_up(self, watcher: Watcher) -> None:
        try:
            while not self._is_settled(watcher):
                await self._catch_up(watcher)
            watcher.catching_up = None
        except Refused:
            watcher.client.close(wire.FORBIDDEN)
        except Exception:  # noqa: BLE001 - a bug in one must not take the others along
            _log.exception("catching up failed", project=str(self.project_id))
            watcher.client.close(wire.INTERNAL_ERROR)

    async def _catch_up(self, watcher: Watcher) -> None:
        """Tell *watcher* a page of what it lacks as soon as it takes it."""
        await watcher.client.until_ready()
        if watcher.seq < self._live.seq:
            try:
                await self._tell_page(watcher)
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    async def _tell_page(self, watcher: Watcher) -> None:
        """Write one page of history; what does not fit is read again later.

        Who took little of the last page gets a small one.
        """
        limit = min(PAGE, 2 * watcher.page or PAGE)
        page = await self._page(watcher.user_id, watcher.seq, limit)
        watcher.page = 1
        batch: list[bytes] = []
        for recorded in page.events:
            self._take(recorded)
            if watcher.client.is_slow:
                break
            event = frames.event_of(recorded)
            if isinstance(event, project.FileWritten):
                batch += _finish(watcher, event)
            batch.append(self._shared.of(recorded, event))
            if len(batch) >= FRAMES_AT_ONCE or len(batch[-1]) >= LONG_BYTES:
                _tell(watcher, batch)
            watcher.seq = recorded.seq
            watcher.page += 1
        _tell(watcher, batch)


def _tell(watcher: Watcher, batch: list[bytes]) -> None:
    """Write *batch* and empty it; long frames as they are: others may hold them too."""
    if batch and len(batch[-1]) >= LONG_BYTES:
        last = batch.pop()
        _tell(watcher, batch)
        watcher.tell(last)
    elif batch:
        watcher.tell(*batch)
    batch.clear()


def _finish(watcher: Watcher, written: project.FileWritten) -> list[bytes]:
    """Return all of a file that *watcher* was shown a part of before it fell behind."""
    shown = watcher.shown
    if shown is None or written.author != "agent":
        return []
    begun = shown.opening
    if begun.path != written.path:
        return []
    watcher.shown = None
    run_id, attempt, path = begun.run_id, begun.attempt, begun.path
    return [
        wire.text(frames.text_frame(message))
        for message in (
            FileStarted(run_id, attempt, path),
            FileText(run_id, attempt, path, 0, written.content),
        )
    ]
