"""REST of grants: services outside that may use a project over NATS."""

from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from litestar import Response, Router, delete, get, put
from litestar.params import FromPath
from msgspec import Struct

from api.application.projects.commands import Projects
from api.domain.project_fold import GrantRow
from api.domain.scope import Needs
from api.entrypoints.http.body import json_response, read_json
from api.entrypoints.http.errors import AnyRequest, missing
from api.entrypoints.http.idempotency import command_id
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import NOT_FOUND
from api.ports import ProjectViews
from contracts.project import Access, GrantAccess, RevokeAccess, ServiceName


class GrantBody(Struct, frozen=True):
    """Body of a PUT: *read* asks and follows, *write* gives commands too."""

    access: Access


EXAMPLE = GrantRow("integration", "write", datetime(2026, 1, 1, 12, tzinfo=UTC))

LIST = Operation(
    id="listGrants",
    tag="services",
    about="Services outside that may use a project over NATS, by name",
    needs=Needs.READ,
    answer=list[GrantRow],
    example=[EXAMPLE],
    missing=NOT_FOUND,
)
GRANT = Operation(
    id="grantAccess",
    tag="services",
    about="Let a service use a project, named like its user on NATS",
    needs=Needs.WRITE,
    body=GrantBody,
    body_example=GrantBody("write"),
    answer=GrantRow,
    example=EXAMPLE,
    missing=NOT_FOUND,
)
REVOKE = Operation(
    id="revokeAccess",
    tag="services",
    about="End a grant at once; true also where there was none",
    needs=Needs.WRITE,
    answer=bool,
    example=True,
    errors=(HTTPStatus.UNPROCESSABLE_ENTITY,),
    missing=NOT_FOUND,
)

_body = msgspec.json.Decoder(GrantBody)


class GrantDoor(Shared):
    """The requests about grants."""

    def __init__(
        self, own: OwnProjects, projects: Projects, views: ProjectViews
    ) -> None:
        self._own = own
        self._projects = projects
        self._views = views

    async def list_all(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with the grants of a project."""
        caller, id_ = await self._own.id(request, project_id)
        return json_response(await self._views.grants(caller.id, id_))

    async def grant(
        self, request: AnyRequest, project_id: FromPath[str], service: FromPath[str]
    ) -> Response[bytes]:
        """Let a service in, or change what it may."""
        caller, id_ = await self._own.id(request, project_id)
        name = _service(request, service)
        body = await read_json(request, _body)
        command = command_id(request, caller.id, body)
        grant = GrantAccess(name, body.access)
        await self._projects.execute(caller.id, id_, command, grant)
        for one in await self._views.grants(caller.id, id_):
            if one.service == name:
                return json_response(one)
        raise missing(request)

    async def revoke(
        self, request: AnyRequest, project_id: FromPath[str], service: FromPath[str]
    ) -> Response[bytes]:
        """End a grant."""
        caller, id_ = await self._own.id(request, project_id)
        name = _service(request, service)
        command = command_id(request, caller.id, None)
        await self._projects.execute(caller.id, id_, command, RevokeAccess(name))
        return json_response(payload=True)


def _service(request: AnyRequest, name: str) -> str:
    """Return the name of a service that a path names.

    Raises:
        HttpError: 404; no service can have this name.

    """
    try:
        return msgspec.convert(name, ServiceName)
    except msgspec.ValidationError:
        raise missing(request) from None


def grant_routes(own: OwnProjects, projects: Projects, views: ProjectViews) -> Router:
    """Return the handlers below /api/projects/:id/grants."""
    door = GrantDoor(own, projects, views)
    one = "/{service:str}"
    return Router(
        "/api/projects/{project_id:str}/grants",
        route_handlers=[
            get("/", opt=LIST.opt)(door.list_all),
            put(one, opt=GRANT.opt)(door.grant),
            delete(one, status_code=HTTPStatus.OK, opt=REVOKE.opt)(door.revoke),
        ],
    )
