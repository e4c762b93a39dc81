"""REST of projects."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, cast, get_args
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from api.application.errors import LimitReached
from api.application.projects.commands import Projects
from api.application.rate_limit import RateLimit
from api.domain.listing import Place, Sort, Wanted
from api.domain.project_fold import ProjectRow
from api.domain.scope import Needs
from api.entrypoints.http.body import json_response, read_json
from api.entrypoints.http.errors import AnyRequest, HttpError, missing
from api.entrypoints.http.idempotency import command_id, derived_id
from api.entrypoints.http.operation import Operation, Parameter
from api.entrypoints.http.parameters import choice, id_in_path, number, words
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.ports import ProjectViews
from contracts.project import CreateProject, DeleteProject, UpdateProject

# What `_checked` looks for besides; a pattern of msgspec would be its own message.
_NO_NUL = {"pattern": r"^[^\x00]*$"}
_Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        extra_json_schema={"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"},
    ),
]
_Text = Annotated[str, Meta(max_length=20_000, extra_json_schema=_NO_NUL)]


class NewProject(Struct, frozen=True):
    """Body of a POST; what else it may hold is ignored."""

    name: _Name
    description: _Text


class ProjectChange(Struct, frozen=True):
    """Body of a PATCH; what it leaves out stays as it is."""

    name: _Name | UnsetType = UNSET
    description: _Text | UnsetType = UNSET


EXAMPLE = ProjectRow(
    id=UUID("0d4f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d11"),
    name="Todo",
    description="A list of things to do, with due dates",
    status="idle",
    preview_url=None,
    sandbox_id=None,
    user_id=UUID("7f9a2e6a-6c0b-4f3e-9a53-1c7d6b1f1d22"),
    created_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    updated_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
)
NOT_FOUND = "Project not found"

_MAX_PAGE = 200
_MAX_SEARCH_CHARS = 200
_MAX_PLACE_CHARS = 4000
_FAR = 10**9
LIST = Operation(
    id="listProjects",
    tag="projects",
    about="Your projects: all of them, the newest first, unless parameters say else",
    needs=Needs.READ,
    query=(
        Parameter(
            "search",
            "Part of the name or the description, in any case",
            {"maxLength": _MAX_SEARCH_CHARS, **_NO_NUL},
        ),
        Parameter(
            "sort",
            "What they are ordered by; with a minus the largest or newest first",
            {"enum": [*get_args(Sort)], "default": Wanted().sort},
        ),
        Parameter(
            "limit",
            "At most so many; the header Link says where the next ones are",
            {"type": "integer", "minimum": 1, "maximum": _MAX_PAGE},
        ),
        Parameter(
            "offset",
            "So many are left out before",
            {"type": "integer", "minimum": 0, "maximum": _FAR, "default": 0},
        ),
        Parameter(
            "after",
            "Only what comes after the page that gave this in its Link, whatever has "
            "changed since",
            {"maxLength": _MAX_PLACE_CHARS, "pattern": "^WyIyMD[A-Za-z0-9_-]*$"},
        ),
    ),
    gives=(
        Parameter("X-Total-Count", "How many there are", {"type": "integer"}),
        Parameter("Link", 'Where the next page is: rel="next"', {"type": "string"}),
    ),
    answer=list[ProjectRow],
    example=[EXAMPLE],
)
CREATE = Operation(
    id="createProject",
    tag="projects",
    about="Begin a project",
    needs=Needs.WRITE,
    body=NewProject,
    body_example=NewProject(EXAMPLE.name, EXAMPLE.description),
    answer=ProjectRow,
    example=EXAMPLE,
    errors=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
    missing=NOT_FOUND,
)
GET = Operation(
    id="getProject",
    tag="projects",
    about="A project",
    needs=Needs.READ,
    answer=ProjectRow,
    example=EXAMPLE,
    missing=NOT_FOUND,
)
UPDATE = Operation(
    id="updateProject",
    tag="projects",
    about="Rename a project, or describe it anew",
    needs=Needs.WRITE,
    body=ProjectChange,
    body_example=ProjectChange(name="Groceries"),
    answer=ProjectRow,
    example=structs.replace(EXAMPLE, name="Groceries"),
    missing=NOT_FOUND,
)
DELETE = Operation(
    id="deleteProject",
    tag="projects",
    about="End a project for good, with its run, its sandbox and its sockets",
    needs=Needs.WRITE,
    answer=bool,
    example=True,
    missing=NOT_FOUND,
)

_new_project = msgspec.json.Decoder(NewProject)
_places = msgspec.json.Decoder(Place)
_change = msgspec.json.Decoder(ProjectChange)


class ProjectDoor(Shared):
    """The requests about projects."""

    def __init__(
        self,
        security: Security,
        projects: Projects,
        views: ProjectViews,
        creations: RateLimit,
    ) -> None:
        self._security = security
        self._projects = projects
        self._views = views
        self._creations = creations

    async def list_all(self, request: AnyRequest) -> Response[bytes]:
        """Answer with the user's projects."""
        user = await self._security.caller(request)
        wanted = _wanted(request)
        found = await self._views.projects(user.id, wanted)
        headers = {"x-total-count": str(found.total)}
        if found.next is not None:
            asked = {**request.query_params, "after": _told(found.next)}
            asked.pop("offset", None)
            headers["link"] = f'<{request.url.path}?{urlencode(asked)}>; rel="next"'
        return json_response(found.projects, headers=headers)

    async def create(self, request: AnyRequest) -> Response[bytes]:
        """Begin a project."""
        user = await self._security.caller(request)
        body = await read_json(request, _new_project)
        _check(body.name, body.description)
        wait_s = self._creations.take(str(user.id))
        if wait_s:
            raise LimitReached(wait_s)
        command = command_id(request, user.id, body)
        project_id = derived_id(command, "project")
        create = CreateProject(body.name, body.description)
        await self._projects.execute(user.id, project_id, command, create)
        return json_response(await self._shown(request, user.id, project_id))

    async def get(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with a project."""
        user = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        return json_response(await self._shown(request, user.id, id_))

    async def update(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Rename or describe anew."""
        user = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        body = await read_json(request, _change)
        _check(body.name, body.description)
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
        user = await self._security.caller(request)
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


def _check(name: str | UnsetType, description: str | UnsetType) -> None:
    """Return where both can be kept.

    Raises:
        HttpError: 422, one of them cannot.

    """
    if name is not UNSET and not name.strip():
        reason = "The name of a project must not be blank"
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason)
    for text, what in ((name, "name"), (description, "description")):
        if text is not UNSET and "\0" in text:  # Postgres keeps none
            reason = f"The {what} of a project must not hold the character NUL"
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason)


def _wanted(request: AnyRequest) -> Wanted:
    is_paged = "limit" in request.query_params
    limit = number(request, "limit", _MAX_PAGE, 1, _MAX_PAGE)
    return Wanted(
        search=words(request, "search", _MAX_SEARCH_CHARS).strip(),
        sort=cast("Sort", choice(request, "sort", Wanted().sort, get_args(Sort))),
        limit=limit if is_paged else None,
        offset=number(request, "offset", 0, 0, _FAR),
        after=_place(request),
    )


def _told(place: Place) -> str:
    return urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def _place(request: AnyRequest) -> Place | None:
    """Return the place after which a page begins.

    Raises:
        HttpError: 422, it is none of ours.

    """
    text = words(request, "after", _MAX_PLACE_CHARS)
    if not text:
        return None
    try:
        place = _places.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        at = place.at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        reason = "The parameter after must be that of a Link"
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason) from error
    return msgspec.structs.replace(place, at=at, name=place.name.replace("\0", ""))


def project_routes(
    security: Security, projects: Projects, views: ProjectViews, creations: RateLimit
) -> Router:
    """Return the handlers below /api/projects; *creations* limits one person's."""
    door = ProjectDoor(security, projects, views, creations)
    return Router(
        "/api/projects",
        route_handlers=[
            get("/", opt=LIST.opt)(door.list_all),
            post("/", status_code=HTTPStatus.OK, opt=CREATE.opt)(door.create),
            get("/{project_id:str}", opt=GET.opt)(door.get),
            patch("/{project_id:str}", opt=UPDATE.opt)(door.update),
            delete("/{project_id:str}", status_code=HTTPStatus.OK, opt=DELETE.opt)(
                door.delete
            ),
        ],
    )
