"""REST of a project's files."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, get, put
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.application.projects import Projects
from api.domain.project_fold import FileRow
from api.domain.scope import Needs
from api.entrypoints.body import json_response, read_json
from api.entrypoints.errors import AnyRequest, HttpError, missing
from api.entrypoints.idempotency import command_id, derived_id
from api.entrypoints.operation import Operation
from api.entrypoints.projects import EXAMPLE as PROJECT_EXAMPLE
from api.entrypoints.projects import id_in_path
from api.entrypoints.security import Security
from api.entrypoints.shared import Shared
from api.ports import ProjectViews
from contracts.project import MAX_FILE_BYTES, SaveFile
from scof.errors import UnsafePath
from scof.paths import safe_path

MAX_PUT_BYTES = 6 * MAX_FILE_BYTES + 16 * 1024
"""Largest body of a PUT: JSON may spend six bytes on one, as in ``\\u0001``."""


class NewFile(Struct, frozen=True):
    """Body of a PUT; what else it may hold is ignored."""

    path: Annotated[str, Meta(min_length=1, max_length=1024)]
    content: str


EXAMPLE = FileRow(
    id=UUID("5b1f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d33"),
    project_id=PROJECT_EXAMPLE.id,
    path="src/main.ts",
    content="console.log(1);\n",
    created_at=PROJECT_EXAMPLE.created_at,
    updated_at=PROJECT_EXAMPLE.updated_at,
)
NOT_FOUND = "Project file not found"

LIST = Operation(
    id="listFiles",
    tag="files",
    about="A project's files by path; none of a project that is not yours",
    needs=Needs.READ,
    answer=list[FileRow],
    example=[EXAMPLE],
    missing=NOT_FOUND,
)
SAVE = Operation(
    id="saveFile",
    tag="files",
    about="Create a file, or replace it by its path",
    needs=Needs.WRITE,
    body=NewFile,
    body_example=NewFile(EXAMPLE.path, EXAMPLE.content),
    answer=FileRow,
    example=EXAMPLE,
    missing=NOT_FOUND,
)
GET = Operation(
    id="getFile",
    tag="files",
    about="A file",
    needs=Needs.READ,
    answer=FileRow,
    example=EXAMPLE,
    missing=NOT_FOUND,
)

_new_file = msgspec.json.Decoder(NewFile)


class FileDoor(Shared):
    """The requests about files."""

    def __init__(
        self, security: Security, projects: Projects, views: ProjectViews
    ) -> None:
        self._security = security
        self._projects = projects
        self._views = views

    async def list_all(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with a project's files; with none where there is no project."""
        user = await self._security.caller(request)
        try:
            id_ = id_in_path(request, project_id)
        except HttpError:
            return json_response([])
        return json_response(await self._views.files(user.id, id_))

    async def save(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Create or replace a file by its path."""
        user = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        body = await read_json(request, _new_file, MAX_PUT_BYTES)
        path = _checked(body)
        command = command_id(request, user.id, body)
        save = SaveFile(derived_id(command, "file"), path, body.content)
        await self._projects.execute(user.id, id_, command, save)
        saved = await self._views.file_at(user.id, id_, path)
        if saved is None:
            raise missing(request)
        return json_response(saved)

    async def get(
        self, request: AnyRequest, project_id: FromPath[str], file_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with a file."""
        user = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        found = await self._views.file(user.id, id_, id_in_path(request, file_id))
        if found is None:
            raise missing(request)
        return json_response(found)


def file_routes(security: Security, projects: Projects, views: ProjectViews) -> Router:
    """Return the handlers below /api/project-files."""
    door = FileDoor(security, projects, views)
    return Router(
        "/api/project-files",
        route_handlers=[
            get("/{project_id:str}", opt=LIST.opt)(door.list_all),
            put("/{project_id:str}", opt=SAVE.opt)(door.save),
            get("/{project_id:str}/{file_id:str}", opt=GET.opt)(door.get),
        ],
    )


def _checked(file: NewFile) -> str:
    """Return the file's path in canonical form.

    Raises:
        HttpError: 413, the content is too large; 422, no file may have this path.

    """
    if len(file.content.encode()) > MAX_FILE_BYTES:
        raise HttpError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A file may have at most 1 MiB of text"
        )
    try:
        return safe_path(file.path)
    except UnsafePath as error:
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
