"""REST of recorded events: in pages, or as server-sent events while they happen."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from litestar import Response, Router, get
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Struct

from api.application.delivery.events import Events
from api.domain.scope import Needs
from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.operation import Operation, Parameter
from api.entrypoints.http.parameters import number
from api.entrypoints.http.security import Caller, Security
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import EXAMPLE as PROJECT
from api.entrypoints.projects.resource import NOT_FOUND
from chassis import logs
from contracts import codec, public
from contracts.envelope import Recorded
from eventcore.errors import Rejected, Unavailable

SSE = "text/event-stream"
MAX_PAGE = 500
_PAGE = 100
_MAX_SEQ = 2**31 - 1

_log = logs.get(__name__)


class EventBody(Struct, frozen=True):
    """A recorded event, in the words of the WebSocket."""

    seq: int
    """1, 2, 3, ... without gaps."""
    type: str
    at: datetime
    data: dict[str, Any]
    """As the message of this type on the WebSocket has it."""


def event_body(recorded: Recorded) -> bytes:
    """Return an event as JSON."""
    message = public.message(public.event_of(recorded), recorded.seq)
    shown = {
        "seq": recorded.seq,
        "type": codec.tag(message),
        "at": recorded.at,
        "data": getattr(message, "data", {}),
    }
    return codec.encode(shown)


LIST = Operation(
    id="listEvents",
    tag="events",
    about="A project's recorded events in order; with Accept: text/event-stream all of "
    "them as they happen, from Last-Event-ID on",
    needs=Needs.READ,
    query=(
        Parameter(
            "after",
            "Events with a seq above this one",
            {"type": "integer", "minimum": 0, "maximum": _MAX_SEQ, "default": 0},
        ),
        Parameter(
            "limit",
            "At most so many; there may be fewer though more follow: the end is an "
            "empty page",
            {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": _PAGE},
        ),
    ),
    answer=list[EventBody],
    example=[
        EventBody(
            seq=1,
            type="project_created",
            at=PROJECT.created_at,
            data={"name": PROJECT.name, "description": PROJECT.description},
        )
    ],
    also=SSE,
    errors=(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS),
    missing=NOT_FOUND,
)


class EventDoor(Shared):
    """The request for events."""

    def __init__(self, security: Security, own: OwnProjects, events: Events) -> None:
        self._security = security
        self._own = own
        self._events = events

    async def list_all(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes] | Stream:
        """Answer with a page, or with everything from now on."""
        caller, id_ = await self._own.id(request, project_id)
        after = number(request, "after", 0, 0, _MAX_SEQ)
        limit = number(request, "limit", _PAGE, 1, MAX_PAGE)
        if SSE in request.headers.get("accept", ""):
            return await self._stream(request, caller, id_, after)
        events = await self._events.page(caller.id, id_, after, limit)
        return _page(events)

    async def _stream(
        self, request: AnyRequest, caller: Caller, project_id: UUID, after: int
    ) -> Stream:
        last = request.headers.get("last-event-id", "")
        if last.isascii() and last.isdecimal():
            digits = last.lstrip("0")[: len(str(_MAX_SEQ)) + 1]
            after = min(int(digits or "0"), _MAX_SEQ)
        self._events.check_room(caller.id)

        async def is_allowed() -> bool:
            try:
                await self._security.caller(request)
            except HttpError:
                return False
            return True

        async def lines() -> AsyncIterator[bytes]:
            follow = self._events.follow(caller.id, project_id, after, is_allowed)
            with self._events.counted(caller.id):
                yield b"retry: 1000\n\n"
                try:
                    async for page in follow:
                        for recorded in page:  # one waits to be taken, not all
                            yield _line(recorded)
                        if not page:
                            yield b": still here\n\n"
                except (Rejected, Unavailable) as error:
                    _log.info("stream ended", reason=str(error))

        return Stream(lines(), media_type=SSE, headers={"cache-control": "no-store"})


def _page(events: Sequence[Recorded]) -> Response[bytes]:
    body = b"[" + b",".join(map(event_body, events)) + b"]"
    return Response(body, media_type="application/json")


def _line(recorded: Recorded) -> bytes:
    message = public.message(public.event_of(recorded), recorded.seq)
    head = f"id: {recorded.seq}\nevent: {codec.tag(message)}\ndata: ".encode()
    return head + event_body(recorded) + b"\n\n"


def event_routes(security: Security, own: OwnProjects, events: Events) -> Router:
    """Return the handler of /api/projects/:id/events."""
    door = EventDoor(security, own, events)
    return Router(
        "/api/projects/{project_id:str}/events",
        route_handlers=[get("/", opt=LIST.opt)(door.list_all)],
    )
