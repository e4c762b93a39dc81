"""The socket ``/ws/{project}``: hello, then frames both ways until one side ends."""

import asyncio
from collections.abc import Awaitable
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import structlog
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect, WebSocketException
from litestar.handlers import WebsocketRouteHandler
from msgspec import Struct

from contracts import browser
from contracts.project import PostMessage, ProjectCommand, StartRun, StopRun
from gateway_ws.application.fan_out import FanOut
from gateway_ws.application.outbox import (
    FORBIDDEN,
    SERVICE_RESTART,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
    Outbox,
)
from gateway_ws.application.room import Watcher
from gateway_ws.domain import frames
from gateway_ws.domain.inbound import InvalidFrame, parse
from gateway_ws.domain.rate import Bucket
from gateway_ws.ports import Projects, Refused, Sessions, Unavailable

Socket = WebSocket[object, object, object]  # type: ignore[type-var]

_COOKIES = ("__Secure-better-auth.session_token", "better-auth.session_token")
_REASONS = {
    UNAUTHORIZED: "Unauthorized",
    FORBIDDEN: "Forbidden",
    TRY_AGAIN_LATER: "Try again later",
    SERVICE_RESTART: "Service restart",
}
_MESSAGES_PER_S = 20
_BURST = 40
_TOO_FAST = "Too many messages: wait a second and go on."
_DENIED = "You have no access to this project."
_BUSY = "Atelier could not do that just now; please try again."

_log = structlog.get_logger(__name__)


class Doors(Struct, frozen=True):
    """What a connection needs."""

    projects: Projects
    sessions: Sessions
    fan_out: FanOut
    public_url: str
    stopping: asyncio.Event


def socket_route(doors: Doors) -> WebsocketRouteHandler:
    """Return the handler of the one socket route."""

    @websocket("/ws/{project_id:path}")
    async def handle(socket: Socket, project_id: str) -> None:
        await socket.accept()
        await _Session(socket, doors).run(project_id.removeprefix("/"))

    return handle


class _Session:
    """One connection from its handshake to its end."""

    def __init__(self, socket: Socket, doors: Doors) -> None:
        self._socket = socket
        self._doors = doors
        self._outbox = Outbox()

    async def run(self, project_id: str) -> None:
        try:
            user_id = await self._user()
            if user_id is None:
                await self._close(UNAUTHORIZED)
                return
            project = _uuid(project_id)
            if project is None or not self._is_own_page():
                await self._deny()
                return
            await self._join(user_id, project)
        except Refused:
            await self._deny()
        except Unavailable:
            await self._close(TRY_AGAIN_LATER)
        except WebSocketDisconnect:
            pass

    async def _user(self) -> UUID | None:
        for name in _COOKIES:
            token = self._socket.cookies.get(name)
            if token:
                user_id = await self._doors.sessions.user_of(unquote(token))
                if user_id is not None:
                    return user_id
        return None

    def _is_own_page(self) -> bool:
        """Refuse pages of other origins: a browser sends its cookies along for them."""
        origin = self._socket.headers.get("origin")
        if origin is None:
            return True  # no browser
        own = urlsplit(self._doors.public_url)
        asked = urlsplit(origin)
        twins = {own.hostname}
        if own.hostname in {"localhost", "127.0.0.1"}:
            twins = {"localhost", "127.0.0.1"}
        return (
            asked.scheme == own.scheme
            and asked.hostname in twins
            and asked.port == own.port
        )

    async def _join(self, user_id: UUID, project_id: UUID) -> None:
        doors = self._doors
        async with doors.fan_out.room(project_id) as room:
            view = await doors.projects.view(user_id, project_id)
            after = _after(self._socket.query_params.get("after"))
            watcher = Watcher(
                user_id, view.version if after is None else after, self._outbox
            )
            self._outbox.put(frames.connected(str(project_id)))
            async with doors.fan_out.watch(room, watcher):
                await self._pump(
                    room.follow(watcher), self._read(user_id, project_id), self._drain()
                )

    async def _pump(self, *background: Awaitable[None]) -> None:
        """Write until the outbox is closed; whatever else runs ends with it."""
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(_run(work)) for work in background]
            try:
                await self._write()
            finally:
                for task in others:
                    task.cancel()

    async def _write(self) -> None:
        try:
            while (frame := await self._outbox.take()) is not None:
                await self._socket.send_data(frame.decode(), mode="text")
            await self._close(self._outbox.close_code or SERVICE_RESTART)
        except (WebSocketDisconnect, WebSocketException, RuntimeError):
            return  # the client has left

    async def _drain(self) -> None:
        await self._doors.stopping.wait()
        self._outbox.close(SERVICE_RESTART)

    async def _read(self, user_id: UUID, project_id: UUID) -> None:
        loop = asyncio.get_running_loop()
        bucket = Bucket(_MESSAGES_PER_S, _BURST, loop.time())
        try:
            while True:
                frame = await self._receive()
                if bucket.take(loop.time()):
                    answer = await self._answer(frame, user_id, project_id)
                else:
                    answer = frames.error("rate_limited", _TOO_FAST)
                self._outbox.put(answer)
        except (WebSocketDisconnect, WebSocketException):
            self._outbox.close(SERVICE_RESTART)

    async def _receive(self) -> str | bytes:
        """Return the next frame, a text or a binary one."""
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(detail="disconnect", code=event["code"])
        if event["type"] != "websocket.receive":
            raise WebSocketException(detail="unexpected event")
        return event.get("text") or event.get("bytes") or b""

    async def _answer(
        self, frame: str | bytes, user_id: UUID, project_id: UUID
    ) -> bytes:
        """Return the answer to one frame; a mistake does not close the socket."""
        projects = self._doors.projects
        try:
            message = parse(frame)
            if isinstance(message, browser.GetState):
                return frames.state_update(await projects.view(user_id, project_id))
            if isinstance(message, browser.GetPreviewUrl):
                return frames.preview_url(await projects.view(user_id, project_id))
            view = await projects.command(user_id, project_id, _command(message))
            return frames.state_update(view)
        except InvalidFrame as error:
            return frames.error(error.code, error.message)
        except Refused as error:
            return frames.error(_public_code(error.code), error.message)
        except Unavailable:
            return frames.error("internal_error", _BUSY)

    async def _deny(self) -> None:
        await self._send_last(frames.error("project_access_denied", _DENIED))
        await self._close(FORBIDDEN)

    async def _send_last(self, frame: bytes) -> None:
        try:
            await self._socket.send_data(frame.decode(), mode="text")
        except (WebSocketDisconnect, WebSocketException, RuntimeError):
            return

    async def _close(self, code: int) -> None:
        try:
            await self._socket.close(code, _REASONS.get(code))
        except (WebSocketDisconnect, WebSocketException, RuntimeError):
            return


async def _run(work: Awaitable[None]) -> None:
    await work


def _command(
    message: browser.StartGeneration | browser.StopGeneration | browser.UserMessage,
) -> ProjectCommand:
    match message:
        case browser.StartGeneration(data=data):
            return StartRun(uuid4(), data.prompt, data.model, data.max_phases)
        case browser.StopGeneration():
            return StopRun()
        case browser.UserMessage(data=said):
            return PostMessage(uuid4(), uuid4(), said.content)


def _public_code(code: str) -> str:
    """Return a refusal's code as the WebSocket contract names it."""
    if code == "project_not_found":
        return "project_access_denied"
    return "internal_error" if code == "unavailable" else code


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _after(text: str | None) -> int | None:
    """Return the seq to resume from; what is no number counts as absent."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    return min(int(text[:12]), 2**31 - 1)
