"""One project and all who watch it: what happens is built once and told to everybody.

Most who watch are *live*: they have been told everything up to the room's head, and get
whatever comes next in one write. Who joins with an older seq, or does not take what is
written, is *late*: of such a one the room keeps two numbers (the last seq, and how far
the open file was shown), reads the history for it as fast as it takes it, and makes it
live again at the head. So a slow client costs no memory and delays nobody.
"""

import asyncio
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
from gateway_ws.domain import frames, wire
from gateway_ws.domain.text import OpenText, Place, TextLost, TextMessage
from gateway_ws.ports import Client, Projects, Refused, Unavailable

PAGE = 200
"""Events asked for at once."""
GATHER_S = 0.005
"""What follows a write within this time is gathered into the next one."""
GATHER_BYTES = 64 * 1024
"""More than this does not wait."""
RECHECK_S = 1.0
"""A room that hears nothing looks into the log: the bus may have lost something."""
RECHECK_MAX_S = 30.0
"""It does so ever more rarely, up to this time."""
RETRY_S = 0.5

_log = structlog.get_logger(__name__)
_progress: msgspec.json.Decoder[ProgressMessage | ReplyText] = codec.decoder(
    ProgressMessage | ReplyText
)


class Watcher:
    """One connection: who it is and, while it is late, where it stands."""

    __slots__ = ("catching_up", "client", "seq", "shown", "user_id")

    def __init__(self, user_id: UUID, client: Client, seq: int) -> None:
        self.user_id = user_id
        self.client = client
        self.seq = seq
        """The last event that it was told; kept only while it is late."""
        self.shown: Place | None = None
        """How far it was shown the open file; kept only while it is late."""
        self.catching_up: asyncio.Task[None] | None = None


class Room:
    """The watchers of one project; the bus's messages come in by the two listeners."""

    def __init__(
        self, project_id: UUID, projects: Projects, tasks: asyncio.TaskGroup
    ) -> None:
        self.project_id = project_id
        self._projects = projects
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._live: set[Watcher] = set()
        self._late: set[Watcher] = set()
        self._head = 0
        self._heard = 0
        self._advancing = asyncio.Lock()
        self._missed = asyncio.Event()
        self._quiet_s = RECHECK_S
        self._text = OpenText()
        self._asking = False
        self._pending: list[TextMessage] = []
        self._written: list[project.FileWritten] = []
        # What is gathered for those who are live, and how far they have come without.
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._gathered: Place | None = None
        self._told = 0
        self._shown: Place | None = None
        self._written_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # --- who watches ----------------------------------------------------------------

    def watchers(self) -> set[Watcher]:
        """Return those who watch."""
        return self._live | self._late

    async def join(self, watcher: Watcher, version: int) -> None:
        """Have *watcher* told all after its seq, which is *version* at most.

        *version* is the log's end as it was after the room began to listen.

        Raises:
            Refused: Its user may not see the project.
            Unavailable: The history cannot be had now.

        """
        if self._head == 0:
            self._head = self._told = version
            self._ask_for_text()
        while self._head < version:
            if await self._advance(watcher.user_id) and self._head < version:
                raise Unavailable("the history ends before the project's version")
        self._late.add(watcher)
        self._settle(watcher)
        if self._heard > self._head:
            self._missed.set()

    def leave(self, watcher: Watcher) -> None:
        """Forget *watcher*."""
        self._live.discard(watcher)
        self._late.discard(watcher)
        if watcher.catching_up is not None:
            watcher.catching_up.cancel()

    def close(self, code: int) -> None:
        """Close all sockets; those who are live hear what is gathered before."""
        self._flush()
        for watcher in self.watchers():
            watcher.client.close(code)

    def _settle(self, watcher: Watcher) -> None:
        """Make *watcher* live if it is at the head, else let it catch up."""
        if watcher.seq < self._head or watcher.client.is_slow:
            watcher.catching_up = self._tasks.create_task(self._bring_up(watcher))
            return
        self._flush()
        for message in self._text.since(watcher.shown):
            _write(watcher, frames.text_frame(message))
        self._late.discard(watcher)
        self._live.add(watcher)

    def _fall_behind(self, watcher: Watcher) -> None:
        """Stop writing to *watcher*: it has not taken what came before."""
        metrics.FELL_BEHIND.inc()
        watcher.seq, watcher.shown = self._told, self._shown
        self._live.discard(watcher)
        self._late.add(watcher)
        self._settle(watcher)

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
        self._flush_soon()

    def on_progress(self, body: bytes) -> None:
        """Show text, answers and logs to all who are live."""
        try:
            message = _progress.decode(body)
        except msgspec.MsgspecError as error:
            metrics.BUS_MALFORMED.inc()
            _log.warning("undecodable progress", reason=str(error))
            return
        if isinstance(message, SandboxLog):
            self._gather(frames.log_frame(message))
        elif isinstance(message, ReplyText):
            self._gather(frames.reply_frame(message))
        elif self._asking:
            self._pending.append(message)
        else:
            self._take_text(message)
        self._flush_soon()

    def look_again(self) -> None:
        """Look into the log now: the bus was away and may have lost something."""
        self._missed.set()
        self._ask_for_text()

    # --- the log --------------------------------------------------------------------

    def _take(self, recorded: Recorded) -> None:
        """Move the head on by *recorded*, if it is the next one."""
        if recorded.seq <= self._head:
            return
        self._heard = max(self._heard, recorded.seq)
        if recorded.seq > self._head + 1 or self._head == 0:
            self._missed.set()
            return
        self._head = recorded.seq
        self._quiet_s = RECHECK_S
        event = frames.event_of(recorded)
        self._end_text(event)
        self._gather(frames.event_frame(event, recorded.seq, recorded.at))
        if isinstance(event, project.ProjectDeleted):
            self.close(wire.FORBIDDEN)

    async def watch_log(self) -> None:
        """Bring what the bus has lost, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._quiet_s):
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
            page = await self._page(user_id, self._head)
            for recorded in page.events:
                self._take(recorded)
            self._flush_soon()
            return self._head >= page.version

    async def _page(self, user_id: UUID, after: int) -> History:
        page = await self._projects.history(
            user_id, self.project_id, after=after, limit=PAGE
        )
        if page.version > after and not page.events:
            raise Unavailable("the history has a hole")
        return page

    async def _bring_up(self, watcher: Watcher) -> None:
        try:
            await self._catch_up(watcher)
        except Refused:
            watcher.client.close(wire.FORBIDDEN)
        except Exception:  # noqa: BLE001 - a bug in one must not take the others along
            _log.exception("catching up failed", project=str(self.project_id))
            watcher.client.close(wire.INTERNAL_ERROR)

    async def _catch_up(self, watcher: Watcher) -> None:
        """Tell *watcher* what it lacks, as fast as it takes it, and make it live."""
        while True:
            await watcher.client.until_ready()
            if watcher.seq >= self._head:
                break
            try:
                await self._tell_page(watcher)
            except Unavailable:
                await asyncio.sleep(RETRY_S)
        watcher.catching_up = None
        self._settle(watcher)

    async def _tell_page(self, watcher: Watcher) -> None:
        """Write one page of history; what does not fit is read again later."""
        page = await self._page(watcher.user_id, watcher.seq)
        for recorded in page.events:
            self._take(recorded)
            if watcher.client.is_slow:
                break
            event = frames.event_of(recorded)
            if isinstance(event, project.FileWritten):
                _finish(watcher, event)
            _write(watcher, frames.event_frame(event, recorded.seq, recorded.at))
            watcher.seq = recorded.seq
        self._flush_soon()

    # --- the open file --------------------------------------------------------------

    def _take_text(self, message: TextMessage) -> None:
        if isinstance(message, FileStarted):
            self._gather_text()  # the end of the file before
        try:
            self._text.take(message)
        except TextLost:
            self._pending.append(message)
            self._ask_for_text()

    def _end_text(self, event: codec.AnyEvent) -> None:
        """Close the open file when an event says that nobody writes it any more."""
        match event:
            case project.FileWritten(author="agent"):
                if self._asking:
                    self._written.append(event)
                if self._text.complete(event):
                    self._gather_text()
                    self._text.close()
            case project.ModelCallEnded(purpose="implement"):
                self._text.close()
            case (
                project.RunCompleted(run_id)
                | project.RunFailed(run_id)
                | project.RunStopped(run_id)
            ):
                self._text.end_run(run_id)
            case _:
                pass

    def _ask_for_text(self) -> None:
        """Ask the driver for all of the open file; what comes meanwhile waits."""
        if not self._asking:
            self._asking = True
            self._tasks.create_task(self._resume_text())

    async def _resume_text(self) -> None:
        answer = await self._projects.open_file(self.project_id)
        self._gather_text()
        self._asking = False
        pending, self._pending = self._pending, []
        written, self._written = self._written, []
        self._text.resume(answer, pending, written)
        self._flush_soon()

    # --- to those who are live ------------------------------------------------------

    def _gather(self, frame: bytes) -> None:
        """Have *frame* written after all that came before it."""
        self._gather_text()
        self._batch.append(wire.text(frame))
        self._batch_bytes += len(frame)
        if self._batch_bytes > GATHER_BYTES:
            self._flush()

    def _gather_text(self) -> None:
        """Gather what came of the open file since the last time, as one piece."""
        if self._gathered is self._text.place:
            return
        for message in self._text.since(self._gathered):
            self._batch.append(wire.text(frames.text_frame(message)))
        self._gathered = self._text.place

    def _flush_soon(self) -> None:
        """Write now, or a moment later where something was written just now."""
        wait_s = self._written_at + GATHER_S - self._loop.time()
        if wait_s <= 0:
            self._flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(wait_s, self._flush)

    def _flush(self) -> None:
        """Write what is gathered to all who are live and took what came before."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._gather_text()
        if not self._batch:
            return
        data, count = b"".join(self._batch), len(self._batch)
        self._batch, self._batch_bytes = [], 0
        slow = []
        for watcher in self._live:
            if watcher.client.is_slow:
                slow.append(watcher)
            else:
                watcher.client.write(data)
        metrics.FRAMES_OUT.count += count * (len(self._live) - len(slow))
        for watcher in slow:
            self._fall_behind(watcher)
        self._told, self._shown = self._head, self._gathered
        self._written_at = self._loop.time()


def _finish(watcher: Watcher, written: project.FileWritten) -> None:
    """Show all of a file that *watcher* was shown a part of before it fell behind."""
    shown = watcher.shown
    if shown is not None and written.author == "agent" and shown.path == written.path:
        watcher.shown = None
        run_id, attempt, path = shown.run_id, shown.attempt, shown.path
        for message in (
            FileStarted(run_id, attempt, path),
            FileText(run_id, attempt, path, 0, written.content),
        ):
            _write(watcher, frames.text_frame(message))


def _write(watcher: Watcher, frame: bytes) -> None:
    watcher.client.write(wire.text(frame))
    metrics.FRAMES_OUT.count += 1
