"""One project and all who watch it: events and text, each built once for everybody."""

import asyncio
from uuid import UUID

import msgspec
import structlog

from contracts import codec
from contracts.envelope import Recorded
from contracts.progress import ProgressMessage, SandboxLog
from contracts.project import FileWritten
from contracts.requests import OpenFile
from gateway_ws.application.outbox import FORBIDDEN, Outbox
from gateway_ws.domain import frames
from gateway_ws.domain.connection import Position, Verdict
from gateway_ws.domain.text import TextFeed, TextLost, TextMessage
from gateway_ws.ports import Projects, Refused, Unavailable

PAGE = 200
"""Events asked for at once."""
RECHECK_S = 15.0
"""Seconds after which a quiet watcher looks whether the bus has lost something."""
RETRY_S = 0.5

_log = structlog.get_logger(__name__)
_progress: msgspec.json.Decoder[ProgressMessage] = codec.decoder(ProgressMessage)


class Watcher:
    """One connection: where it stands and what waits to be written to it."""

    def __init__(self, user_id: UUID, after: int, outbox: Outbox) -> None:
        self.user_id = user_id
        self.position = Position(after)
        self.outbox = outbox
        self.behind = asyncio.Event()
        self.behind.set()
        self.caught_up = False
        self.shows_text = False


class Room:
    """The watchers of one project; the bus's messages come in by the two listeners."""

    def __init__(self, project_id: UUID, projects: Projects) -> None:
        self.project_id = project_id
        self.watchers: set[Watcher] = set()
        self._projects = projects
        self._feed = TextFeed()
        self._text_wanted = asyncio.Event()
        self._feed_broken = False
        self._pending: list[TextMessage] | None = None
        self._closed: set[str] = set()

    # --- from the bus -------------------------------------------------------------

    def on_events(self, body: bytes) -> None:
        """Pass recorded events on to all who have not seen them."""
        try:
            events = codec.decode_batch(body)
        except codec.Undecodable as error:
            _log.warning("undecodable events", reason=str(error))
            return
        for recorded in events:
            if recorded.project_id == self.project_id:
                self._broadcast(recorded)

    def on_progress(self, body: bytes) -> None:
        """Pass text and logs on to all who have caught up."""
        try:
            message = _progress.decode(body)
        except msgspec.MsgspecError as error:
            _log.warning("undecodable progress", reason=str(error))
            return
        if isinstance(message, SandboxLog):
            self._send_all(frames.log_frame(message), text=False)
            return
        if self._pending is not None:
            self._pending.append(message)
        if not self._feed_broken:
            self._show(message)

    def _broadcast(self, recorded: Recorded) -> None:
        frame = b""
        for watcher in self.watchers:
            verdict = watcher.position.judge(recorded.seq)
            if verdict is Verdict.SEND:
                frame = frame or frames.recorded_frame(recorded)
                watcher.outbox.put(frame)
                _close_after(recorded, watcher)
            elif verdict is Verdict.BEHIND:
                watcher.behind.set()
        self._note_file(recorded)

    def _note_file(self, recorded: Recorded) -> None:
        if recorded.type != "file.written":
            return
        try:
            event = codec.decode_event(recorded.type, recorded.data)
        except codec.Undecodable:
            return
        if isinstance(event, FileWritten) and event.author == "agent":
            self._feed.close(event.path)
            self._closed.add(event.path)

    def _show(self, message: TextMessage) -> None:
        try:
            fresh = self._feed.take(message)
        except TextLost:
            self._feed_broken = True
            self._text_wanted.set()
            return
        if fresh is not None:
            self._send_all(frames.text_frame(fresh), text=True)

    def _send_all(self, frame: bytes, *, text: bool) -> None:
        for watcher in self.watchers:
            if watcher.shows_text if text else watcher.caught_up:
                watcher.outbox.put(frame)

    # --- catching up --------------------------------------------------------------

    async def follow(self, watcher: Watcher) -> None:
        """Keep *watcher* up to date with the log until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(RECHECK_S):
                    await watcher.behind.wait()
            except TimeoutError:
                pass
            watcher.behind.clear()
            try:
                await self._catch_up(watcher)
            except Refused:
                watcher.outbox.close(FORBIDDEN)
                return
            except Unavailable:
                watcher.behind.set()
                await asyncio.sleep(RETRY_S)

    async def _catch_up(self, watcher: Watcher) -> None:
        while True:
            await watcher.outbox.until_roomy()
            page = await self._projects.history(
                watcher.user_id,
                self.project_id,
                after=watcher.position.seq,
                limit=PAGE,
            )
            for recorded in page.events:
                if watcher.position.judge(recorded.seq) is Verdict.SEND:
                    watcher.outbox.put(frames.recorded_frame(recorded))
                    _close_after(recorded, watcher)
            if watcher.position.seq >= page.version or not page.events:
                break
        if not watcher.caught_up:
            watcher.caught_up = True
            self._text_wanted.set()

    async def show_open_file(self) -> None:
        """Bring text to those who lack it, until cancelled.

        Those who join in the middle of a file get all of it so far, and everybody does
        when a piece was lost.
        """
        while True:
            await self._text_wanted.wait()
            self._text_wanted.clear()
            self._pending, self._closed = [], set()
            try:
                open_file = await self._projects.open_file(self.project_id)
            except Unavailable:
                self._text_wanted.set()
                await asyncio.sleep(RETRY_S)
                continue
            self._resume_text(open_file, self._pending)
            self._pending = None

    def _resume_text(
        self, open_file: OpenFile | None, pending: list[TextMessage]
    ) -> None:
        if open_file is not None and open_file.path in self._closed:
            open_file = None
        feed = TextFeed()
        unfinished = (piece for piece in pending if piece.path not in self._closed)
        fresh = feed.resume(open_file, unfinished)
        if self._feed_broken or self._feed.place is None:
            self._feed, self._feed_broken = feed, False
            late = [watcher for watcher in self.watchers if watcher.caught_up]
        elif feed.place == self._feed.place:
            late = [w for w in self.watchers if w.caught_up and not w.shows_text]
        else:
            self._feed_broken = True  # the two disagree: ask for everybody
            self._text_wanted.set()
            return
        texts = [] if open_file is None else frames.open_file_frames(open_file)
        texts += [frames.text_frame(message) for message in fresh]
        for watcher in late:
            watcher.shows_text = True
            for frame in texts:
                watcher.outbox.put(frame)


def _close_after(recorded: Recorded, watcher: Watcher) -> None:
    if recorded.type == "project.deleted":
        watcher.outbox.close(FORBIDDEN)
