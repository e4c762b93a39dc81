"""REST of socket tokens: for programs that cannot send the cookie with a handshake."""

from datetime import UTC, datetime
from http import HTTPStatus

from litestar import Response, Router, post
from litestar.params import FromPath
from msgspec import Struct

from api.application.identity.socket_tokens import SocketTokens
from api.domain.scope import Needs
from api.entrypoints.http.body import json_response
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import NOT_FOUND


class SocketTokenBody(Struct, frozen=True, rename="camel"):
    """What goes into ``/ws/:projectId?token=``."""

    token: str
    expires_at: datetime
    """Until then it opens sockets; those that are open stay so."""


CREATE = Operation(
    id="createSocketToken",
    tag="projects",
    about="Make a token for the address of this project's WebSocket; it lives a minute",
    # A socket gives commands too, so that reading is not enough.
    needs=Needs.WRITE,
    answer=SocketTokenBody,
    example=SocketTokenBody("v1.e30.c2ln", datetime(2026, 1, 1, 12, 1, tzinfo=UTC)),
    missing=NOT_FOUND,
)


class SocketTokenDoor(Shared):
    """The request for one."""

    def __init__(self, own: OwnProjects, tokens: SocketTokens) -> None:
        self._own = own
        self._tokens = tokens

    async def create(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Sign a token for the caller's own project."""
        caller, id_ = await self._own.id(request, project_id)
        token, expires_at_s = self._tokens.sign(caller.login_id, caller.id, id_)
        expires_at = datetime.fromtimestamp(expires_at_s, UTC)
        return json_response(SocketTokenBody(token, expires_at))


def socket_token_routes(own: OwnProjects, tokens: SocketTokens) -> Router:
    """Return the handler of /api/projects/:id/socket-token."""
    door = SocketTokenDoor(own, tokens)
    return Router(
        "/api/projects/{project_id:str}/socket-token",
        route_handlers=[
            post("/", status_code=HTTPStatus.OK, opt=CREATE.opt)(door.create)
        ],
    )
