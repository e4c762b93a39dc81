"""REST of projects on their way in: a zip, or the address of a repository."""

from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import Response, Router, post
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.application.projects.importing import Imports
from api.domain.intake import LeftOut, Taken
from api.domain.scope import Needs
from api.domain.webhook import checked_url
from api.entrypoints.http.body import json_response, read_bytes, read_json
from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.idempotency import command_id
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import NOT_FOUND

MAX_ZIP_BYTES = 32 << 20
_ZIP = "application/zip"


class Repository(Struct, frozen=True):
    """Body of a POST."""

    url: Annotated[str, Meta(max_length=2000, extra_json_schema={"format": "uri"})]
    """Of a public repository, with https."""
    ref: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """A branch or a tag; null: what the repository shows first."""


class ImportBody(Struct, frozen=True, rename="camel"):
    """What was taken in, and what not."""

    files: int
    left_out: list[LeftOut]


class _Zip(Struct, frozen=True):
    sha256: str


_EXAMPLE = ImportBody(12, [LeftOut("node_modules", "It is not source")])
_ERRORS = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS)

ZIP = Operation(
    id="importZip",
    tag="exchange",
    about="Save the files of a zip in a project; the one folder that all are in is "
    "left away",
    needs=Needs.WRITE,
    takes=_ZIP,
    max_bytes=MAX_ZIP_BYTES,
    answer=ImportBody,
    example=_EXAMPLE,
    errors=_ERRORS,
    missing=NOT_FOUND,
)
GIT = Operation(
    id="importRepository",
    tag="exchange",
    about="Save the files of a public git repository in a project, as they are now",
    needs=Needs.WRITE,
    body=Repository,
    body_example=Repository("https://example.org/ada/todo.git", "main"),
    answer=ImportBody,
    example=_EXAMPLE,
    errors=_ERRORS,
    missing=NOT_FOUND,
)

_repository = msgspec.json.Decoder(Repository)


class ImportDoor(Shared):
    """The requests to take something in."""

    def __init__(self, own: OwnProjects, imports: Imports) -> None:
        self._own = own
        self._imports = imports

    async def zip(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Take in a zip."""
        caller, id_ = await self._own.id(request, project_id)
        if request.content_type[0] != _ZIP:
            reason = f"The body must be a zip, with the header Content-Type: {_ZIP}"
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason)
        async with self._imports.turn(caller.id):
            data = await read_bytes(request)
            command = command_id(request, caller.id, _Zip(sha256(data).hexdigest()))
            taken = await self._imports.zip(caller.id, id_, command, data)
        return json_response(_body(taken))

    async def repository(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Take in a repository."""
        caller, id_ = await self._own.id(request, project_id)
        body = await read_json(request, _repository)
        url = checked_url(body.url)
        if not url.startswith("https://") or "?" in url:
            reason = "The url must begin with https:// and have no query"
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason)
        place = (caller.id, id_, command_id(request, caller.id, body))
        taken = await self._imports.repository(place, url, body.ref)
        return json_response(_body(taken))


def _body(taken: Taken) -> ImportBody:
    return ImportBody(len(taken.files), taken.left_out)


def import_routes(own: OwnProjects, imports: Imports) -> Router:
    """Return the handlers of /api/projects/:id/import."""
    door = ImportDoor(own, imports)
    ok = HTTPStatus.OK
    return Router(
        "/api/projects/{project_id:str}/import",
        route_handlers=[
            post("/zip", status_code=ok, opt=ZIP.opt)(door.zip),
            post("/git", status_code=ok, opt=GIT.opt)(door.repository),
        ],
    )
