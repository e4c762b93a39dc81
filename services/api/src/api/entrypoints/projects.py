"""REST of projects."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from api.application.projects import Projects
from api.domain.project_fold import ProjectRow
from api.entrypoints.body import json_response, read_json
from api.entrypoints.errors import MISSING, AnyRequest, missing
from api.entrypoints.idempotency import command_id, derived_id
from api.entrypoints.security import Security
from api.entrypoints.shared import Shared
from api.ports import ProjectViews
from contracts.project import CreateProject, DeleteProject, UpdateProject

# Postgres keeps no NUL in a text, and a name needs none.
_Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\A[^\x00]*\Z")]
_Text = Annotated[str, Meta(max_length=20_000, pattern=r"\A[^\x00]*\Z")]


class NewProject(Struct, frozen=True):
    """Body of a POST; what else it may hold is ignored."""

    name: _Name
    description: _Text


class ProjectChange(Struct, frozen=True):
    """Body of a PATCH; what it leaves out stays as it is."""

    name: _Name | UnsetType = UNSET
    description: _Text | UnsetType = UNSET


_new_project = msgspec.json.Decoder(NewProject)
_change = msgspec.json.Decoder(ProjectChange)


class ProjectDoor(Shared):
    """The requests about projects."""

    def __init__(
        self, security: Security, projects: Projects, views: ProjectViews
    ) -> None:
        self._security = security
        self._projects = projects
        self._views = views

    async def list_all(self, request: AnyRequest) -> Response[bytes]:
        """Answer with the user's projects."""
        user = (await self._security.signed_in(request)).account
        return json_response(await self._views.projects(user.id))

    async def create(self, request: AnyRequest) -> Response[bytes]:
        """Begin a project."""
        user = (await self._security.signed_in(request)).account
        body = await read_json(request, _new_project)
        command = command_id(request, user.id, body)
        project_id = derived_id(command, "project")
        create = CreateProject(body.name, body.description)
        await self._projects.execute(user.id, project_id, command, create)
        return json_response(await self._shown(request, user.id, project_id))

    async def get(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with a project."""
        user = (await self._security.signed_in(request)).account
        id_ = id_in_path(request, project_id)
        return json_response(await self._shown(request, user.id, id_))

    async def update(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Rename or describe anew."""
        user = (await self._security.signed_in(request)).account
        id_ = id_in_path(request, project_id)
        body = await read_json(request, _change)
        update = UpdateProject(
            None if body.name is UNSET else body.name,
            None if body.description is UNSET else body.description,
        )
        if update != UpdateProject():
            command = command_id(request, user.id, body)
            await self._projects.execute(user.id, id_, command, update)
        return json_response(await self._shown(request, user.id, id_))

    async def delete(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """End a project for good."""
        user = (await self._security.signed_in(request)).account
        id_ = id_in_path(request, project_id)
        command = command_id(request, user.id, None)
        await self._projects.execute(user.id, id_, command, DeleteProject())
        return json_response(payload=True)

    async def _shown(
        self, request: AnyRequest, user_id: UUID, project_id: UUID
    ) -> ProjectRow:
        found = await self._views.project(user_id, project_id)
        if found is None:
            raise missing(request)
        return found


def project_routes(
    security: Security, projects: Projects, views: ProjectViews
) -> Router:
    """Return the handlers below /api/projects."""
    door = ProjectDoor(security, projects, views)
    return Router(
        "/api/projects",
        route_handlers=[
            get("/")(door.list_all),
            post("/", status_code=HTTPStatus.OK)(door.create),
            get("/{project_id:str}")(door.get),
            patch("/{project_id:str}")(door.update),
            delete("/{project_id:str}", status_code=HTTPStatus.OK)(door.delete),
        ],
        opt={MISSING: "Project not found"},
    )


def id_in_path(request: AnyRequest, text: str) -> UUID:
    """Return the id that a path names.

    Raises:
        HttpError: 404; what is not an id in its usual form names nothing.

    """
    try:
        found = UUID(text)
    except ValueError:
        raise missing(request) from None
    if str(found) != text.lower():
        raise missing(request)
    return found
