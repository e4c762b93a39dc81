"""The handshake of ``/ws/{project}``: who is it, may it, and then it is a visit."""

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote
from uuid import UUID, uuid4

from msgspec import Struct
from typing_extensions import override

from gateway_ws.application import metrics
from gateway_ws.application.answering import answer, refusal
from gateway_ws.application.fan_out import FanOut
from gateway_ws.application.register import Full, Guest, Register
from gateway_ws.application.watcher import Watcher
from gateway_ws.domain import frames, wire
from gateway_ws.domain.address import counted_as
from gateway_ws.domain.handshake import Request
from gateway_ws.domain.origin import is_own_page
from gateway_ws.domain.rate import Bucket
from gateway_ws.entrypoints.socket import Socket, Visit
from gateway_ws.ports import Credential, Projects, Refused, Sessions, Unavailable

if TYPE_CHECKING:
    from gateway_ws.application.room import Room

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
        self._bucket = Bucket(
            _MESSAGES_PER_S, _BURST, asyncio.get_running_loop().time()
        )

    @override
    async def hear(self, message: bytes) -> None:
        if not self._bucket.take(asyncio.get_running_loop().time()):
            self.tell(refusal("rate_limited", _TOO_FAST))
        elif self.guest is not None and self.room is not None:
            user_id, project_id = self.guest.user_id, self.room.project_id
            projects = self._doors.projects
            self.tell(await answer(message, projects, user_id, project_id, uuid4))

    def tell(self, frame: bytes) -> None:
        """Write one message to this client alone."""
        metrics.FRAMES_OUT.count += 1
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


class Handshake:
    """Lets clients in, or says in the words of the contract why not."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def greet(self, socket: Socket, request: Request) -> Visit | None:
        """Return the visit of a client that has joined its project."""
        asked = _Asked(request)
        try:
            visit = self._arrive(socket, asked)
        except Full as error:
            _explain(error, socket)
            return None
        try:
            async with asyncio.timeout(self._doors.handshake_s):
                await self._enter(visit, asked)
        except (Refused, Unavailable, Full, _Unauthorized, TimeoutError) as error:
            _explain(error, socket)
            visit.end()
            return None
        except BaseException:
            visit.end()
            raise
        return visit

    def _arrive(self, socket: Socket, asked: "_Asked") -> _Visit:
        address = counted_as(asked.header("x-forwarded-for"), socket.peer)
        self._doors.register.arrive(address)
        return _Visit(self._doors, socket, address)

    async def _enter(self, visit: _Visit, asked: "_Asked") -> None:
        doors, project_id = self._doors, asked.project_id
        if not is_own_page(asked.header("origin"), doors.public_url):
            raise Refused("project_access_denied", "a page of another origin")
        asked_at = asyncio.get_running_loop().time()
        credential, user_id = await self._identify(asked)
        if project_id is None:
            raise Refused("project_access_denied", "no project has such an id")
        guest = Guest(visit.socket, user_id, credential, asked_at)
        doors.register.admit(guest)
        visit.guest = guest
        visit.room = room = await doors.fan_out.enter(project_id)
        view = await doors.projects.view(user_id, project_id)
        if asked.after is not None:
            metrics.RESUMES.inc()
        after = view.version if asked.after is None else asked.after
        watcher = Watcher(user_id, visit.socket, min(after, view.version))
        visit.watcher = watcher
        visit.tell(frames.connected(str(project_id)))
        await room.join(watcher, view.version)

    async def _identify(self, asked: "_Asked") -> tuple[Credential, UUID]:
        for credential in asked.credentials():
            user_id = await self._doors.sessions.user_of(credential)
            if user_id is not None:
                return credential, user_id
        raise _Unauthorized


class _Asked:
    """What the request says, read as one reads a stranger's words."""

    def __init__(self, request: Request) -> None:
        self._request = request
        path, _, query = request.path.partition("?")
        self.project_id = _uuid(path.removeprefix("/ws/"))
        try:
            self._query = parse_qs(query, keep_blank_values=True, max_num_fields=20)
        except ValueError:
            self._query = {}
        self.after = _seq(self._query.get("after", [""])[0])

    def header(self, name: str) -> str | None:
        """Return the last value of a header, *name* in lower case."""
        values = self._request.get_all(name)
        return values[-1] if values else None

    def credentials(self) -> list[Credential]:
        """Return what the client has shown; a token of the address goes first."""
        if "token" in self._query:
            token = self._query["token"][0]
            fits = self.project_id is not None and len(token) <= _MAX_TOKEN
            return [Credential(token, self.project_id)] if fits else []
        cookies = self._cookies()
        return [
            Credential(unquote(cookies[name])) for name in _COOKIES if name in cookies
        ]

    def _cookies(self) -> dict[str, str]:
        pairs = (
            part.strip().partition("=")
            for header in self._request.get_all("cookie")
            for part in header.split(";")
        )
        return {name: value for name, _, value in pairs if value}


def _explain(error: Exception, socket: Socket) -> None:
    """Say goodbye in the words of the contract."""
    match error:
        case _Unauthorized():
            socket.close(wire.UNAUTHORIZED)
        case Refused():
            socket.write(wire.text(refusal("project_access_denied", _DENIED)))
            socket.close(wire.FORBIDDEN)
        case Full():
            socket.write(wire.text(refusal("rate_limited", _TOO_MANY)))
            socket.close(wire.TRY_AGAIN_LATER)
        case _:
            socket.close(wire.TRY_AGAIN_LATER)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _seq(text: str) -> int | None:
    """Return the seq to resume from; what is no number counts as absent."""
    if not text.isascii() or not text.isdigit():
        return None
    return min(int(text.lstrip("0")[:12] or "0"), 2**31 - 1)
