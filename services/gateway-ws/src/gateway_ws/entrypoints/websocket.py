"""The route ``/ws/{project}``: who is it, may it, and then its socket is a visit."""

import asyncio
from urllib.parse import unquote
from uuid import UUID, uuid4

from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler
from msgspec import Struct
from typing_extensions import override

from gateway_ws.application import metrics
from gateway_ws.application.answering import answer, refusal
from gateway_ws.application.fan_out import FanOut
from gateway_ws.application.register import Full, Guest, Register
from gateway_ws.application.room import Room, Watcher
from gateway_ws.domain import frames, wire
from gateway_ws.domain.address import counted_as
from gateway_ws.domain.origin import is_own_page
from gateway_ws.domain.rate import Bucket
from gateway_ws.entrypoints.socket import EXTENSION, Socket, Visit
from gateway_ws.ports import Credential, Projects, Refused, Sessions, Unavailable

Request = WebSocket[object, object, object]  # type: ignore[type-var]

_COOKIES = ("__Secure-better-auth.session_token", "better-auth.session_token")
_MESSAGES_PER_S = 20
_BURST = 40
_MAX_TOKEN = 1024
_TOO_FAST = "Too many messages: wait a second and go on."
_TOO_MANY = "Too many connections are open already: close some, or try again later."
_DENIED = "You have no access to this project."


class Doors(Struct, frozen=True):
    """What a connection needs."""

    projects: Projects
    sessions: Sessions
    fan_out: FanOut
    register: Register
    public_url: str
    handshake_s: float
    """Seconds in which it has to be clear who it is and what it may see."""


def socket_route(doors: Doors) -> WebsocketRouteHandler:
    """Return the handler of the one socket route."""

    @websocket("/ws/{project_id:path}")
    async def handle(socket: Request, project_id: str) -> None:
        await _Handshake(socket, doors).run(project_id.removeprefix("/"))

    return handle


class _Unauthorized(Exception):
    """Nobody whom the api knows."""


class _Visit(Visit):
    """A connection and all that is held for it, from its arrival to its end."""

    __slots__ = ("_bucket", "_doors", "address", "guest", "room", "socket", "watcher")

    def __init__(self, doors: Doors, socket: Socket, address: str) -> None:
        """*address* has arrived at the register."""
        self._doors = doors
        self.socket = socket
        self.address = address
        self.guest: Guest | None = None
        self.room: Room | None = None
        self.watcher: Watcher | None = None
        self._bucket = Bucket(_MESSAGES_PER_S, _BURST, socket.loop.time())

    @override
    async def hear(self, frame: str | bytes) -> None:
        if not self._bucket.take(self.socket.loop.time()):
            self.tell(refusal("rate_limited", _TOO_FAST))
        elif self.guest is not None and self.room is not None:
            user_id, project_id = self.guest.user_id, self.room.project_id
            projects = self._doors.projects
            self.tell(await answer(frame, projects, user_id, project_id, uuid4))

    def tell(self, frame: bytes) -> None:
        """Write one message to this client alone."""
        metrics.FRAMES_OUT.inc()
        self.socket.write(wire.text(frame))

    @override
    def end(self) -> None:
        if self.room is not None:
            if self.watcher is not None:
                self.room.leave(self.watcher)
            self._doors.fan_out.leave(self.room)
        if self.guest is not None:
            self._doors.register.dismiss(self.guest)
        self._doors.register.depart(self.address)


class _Handshake:
    """Finds out who it is and lets it join, or says why not."""

    def __init__(self, request: Request, doors: Doors) -> None:
        self._request = request
        self._doors = doors
        extensions = request.scope["extensions"] or {}
        self._socket: Socket = extensions[EXTENSION]  # type: ignore[assignment]

    async def run(self, project_id: str) -> None:
        try:
            await self._request.accept()
            visit = self._arrive()
        except WebSocketDisconnect:
            return
        except Full as error:
            self._explain(error)
            return
        try:
            async with asyncio.timeout(self._doors.handshake_s):
                await self._enter(visit, _uuid(project_id))
        except (Refused, Unavailable, Full, _Unauthorized, TimeoutError) as error:
            self._explain(error)
            visit.end()
        except BaseException:
            visit.end()
            raise
        else:
            self._socket.take_over(visit)

    def _arrive(self) -> _Visit:
        client = self._request.client
        address = counted_as(
            self._request.headers.get("x-forwarded-for"), client.host if client else ""
        )
        self._doors.register.arrive(address)
        return _Visit(self._doors, self._socket, address)

    async def _enter(self, visit: _Visit, project_id: UUID | None) -> None:
        doors = self._doors
        if not is_own_page(self._request.headers.get("origin"), doors.public_url):
            raise Refused("project_access_denied", "a page of another origin")
        credential, user_id = await self._identify(project_id)
        if project_id is None:
            raise Refused("project_access_denied", "no project has such an id")
        guest = Guest(self._socket, user_id, credential)
        doors.register.admit(guest)
        visit.guest = guest
        visit.room = room = await doors.fan_out.enter(project_id)
        view = await doors.projects.view(user_id, project_id)
        after = _after(self._request.query_params.get("after"))
        if after is not None:
            metrics.RESUMES.inc()
        seq = view.version if after is None else min(after, view.version)
        visit.watcher = watcher = Watcher(user_id, self._socket, seq)
        visit.tell(frames.connected(str(project_id)))
        await room.join(watcher, view.version)

    async def _identify(self, project_id: UUID | None) -> tuple[Credential, UUID]:
        for credential in self._credentials(project_id):
            user_id = await self._doors.sessions.user_of(credential)
            if user_id is not None:
                return credential, user_id
        raise _Unauthorized

    def _credentials(self, project_id: UUID | None) -> list[Credential]:
        """Return what the client has shown; a token of the address goes first."""
        token = self._request.query_params.get("token")
        if token is not None:
            fits = project_id is not None and len(token) <= _MAX_TOKEN
            return [Credential(token, project_id)] if fits else []
        cookies = (self._request.cookies.get(name) for name in _COOKIES)
        return [Credential(unquote(cookie)) for cookie in cookies if cookie]

    def _explain(self, error: Exception) -> None:
        """Say goodbye in the words of the contract."""
        match error:
            case _Unauthorized():
                self._socket.close(wire.UNAUTHORIZED)
            case Refused():
                self._refuse("project_access_denied", _DENIED, wire.FORBIDDEN)
            case Full():
                self._refuse("rate_limited", _TOO_MANY, wire.TRY_AGAIN_LATER)
            case _:
                self._socket.close(wire.TRY_AGAIN_LATER)

    def _refuse(self, code: str, message: str, close_code: int) -> None:
        self._socket.write(wire.text(refusal(code, message)))
        self._socket.close(close_code)


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
