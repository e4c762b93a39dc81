"""REST of a project's files."""

import re
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, put
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.application.projects.commands import Projects
from api.domain.file_content import NoContent, encoding_of, raw, told
from api.domain.project_fold import FileRow
from api.domain.scope import Needs
from api.entrypoints.http import parameters
from api.entrypoints.http.body import json_response, read_bytes, read_json
from api.entrypoints.http.errors import AnyRequest, HttpError, missing
from api.entrypoints.http.etags import ANY, demanded, is_known
from api.entrypoints.http.idempotency import command_id, derived_id
from api.entrypoints.http.operation import Operation, Parameter
from api.entrypoints.http.parameters import id_in_path
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.resource import EXAMPLE as PROJECT_EXAMPLE
from api.entrypoints.projects.resource import NOT_FOUND as PROJECT_NOT_FOUND
from api.ports import ProjectViews
from contracts.project import (
    MAX_ASSET_BYTES,
    MAX_FILE_BYTES,
    DeleteFile,
    Encoding,
    SaveFile,
)
from eventcore.errors import Rejected
from scof.errors import UnsafePath
from scof.paths import safe_path

MAX_PUT_BYTES = 6 * MAX_FILE_BYTES + 16 * 1024
"""Largest body of a PUT: JSON may spend six bytes on one, as in ``\\u0001``."""
MAX_PATH_CHARS = 1024
_NOTHING = ""
"""As ``SaveFile.if_match``: there must be no file."""
_NEVER = "0" * 64
"""The same: what no file is."""
_ETAG = re.compile(r'"([0-9a-f]{64})"')


class NewFile(Struct, frozen=True):
    """Body of a PUT; what else it may hold is ignored."""

    path: Annotated[str, Meta(min_length=1, max_length=MAX_PATH_CHARS)]
    content: str
    encoding: Encoding = "utf-8"
    """How *content* stands for the file's bytes: as their text, or in base64."""


class FileCollision(Struct, frozen=True):
    """Body of a 409: somebody else was first, and nothing was written."""

    message: str
    """One sentence."""
    yours: NewFile | None
    """What you have sent; null where you wanted to delete."""
    theirs: FileRow | None
    """What is there now; null where there is no such file any more."""


EXAMPLE = FileRow(
    id=UUID("5b1f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d33"),
    project_id=PROJECT_EXAMPLE.id,
    path="src/main.ts",
    content="console.log(1);\n",
    created_at=PROJECT_EXAMPLE.created_at,
    updated_at=PROJECT_EXAMPLE.updated_at,
    encoding="utf-8",
    sha256="b603d946eb2b396ca4ecf65c223daff659dbe6f1cfeac235b7c61d3ba6964cae",
)
NOT_FOUND = "Project file not found"
_MATCH = Parameter(
    "If-Match",
    "The ETag of what is replaced, several of them, or `*`: 409 where none of it is "
    "there",
    {"pattern": r'^(\*|(W/)?"[0-9a-f]*"(, *(W/)?"[0-9a-f]*")*)$'},
)
_NEW = Parameter(
    "If-None-Match", "`*`: 409 where there is such a file", {"enum": ["*"]}
)
_TAG = Parameter(
    "ETag",
    "The file's sha256, in quotes; asked with in If-None-Match, 304",
    {"type": "string"},
)
_COLLISION = FileCollision(
    message="src/main.ts was changed meanwhile: look again.",
    yours=NewFile(EXAMPLE.path, "console.log(2);\n"),
    theirs=EXAMPLE,
)

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
    headers=(_MATCH, _NEW),
    body=NewFile,
    body_example=NewFile(EXAMPLE.path, EXAMPLE.content),
    max_bytes=MAX_PUT_BYTES,
    answer=FileRow,
    example=EXAMPLE,
    gives=(_TAG,),
    conflict=FileCollision,
    conflict_example=_COLLISION,
    missing=NOT_FOUND,
)
GET = Operation(
    id="getFile",
    tag="files",
    about="A file",
    needs=Needs.READ,
    answer=FileRow,
    example=EXAMPLE,
    gives=(_TAG,),
    missing=NOT_FOUND,
)
DELETE = Operation(
    id="deleteFile",
    tag="files",
    about="Remove a file",
    needs=Needs.WRITE,
    headers=(_MATCH,),
    answer=bool,
    example=True,
    conflict=FileCollision,
    conflict_example=msgspec.structs.replace(_COLLISION, yours=None),
    missing=NOT_FOUND,
)

UPLOAD = Operation(
    id="uploadFile",
    tag="files",
    about="Create or replace a file by its path; the body is the file, whatever it is",
    needs=Needs.WRITE,
    query=(
        Parameter("path", "Where it is in the project", {"maxLength": MAX_PATH_CHARS}),
    ),
    headers=(_MATCH, _NEW),
    takes="application/octet-stream",
    max_bytes=MAX_ASSET_BYTES,
    answer=FileRow,
    example=EXAMPLE,
    gives=(_TAG,),
    conflict=FileCollision,
    conflict_example=_COLLISION,
    missing=PROJECT_NOT_FOUND,
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
        body = await read_json(request, _new_file)
        return await self._saved(request, user.id, id_, body)

    async def _saved(
        self, request: AnyRequest, user_id: UUID, id_: UUID, body: NewFile
    ) -> Response[bytes]:
        condition = _condition(request)
        path = _checked(body)
        wanted = SaveFile(UUID(int=0), path, body.content, body.encoding, condition)
        command = command_id(request, user_id, wanted)
        save = msgspec.structs.replace(
            wanted,
            file_id=derived_id(command, "file"),
            if_match=await self._one_of(condition, (user_id, id_, path)),
        )
        try:
            await self._projects.execute(user_id, id_, command, save)
        except Rejected as refused:
            return await self._collision(refused, (user_id, id_, path), body)
        saved = await self._views.file_at(user_id, id_, path)
        if saved is None:
            raise missing(request)
        return _tagged(saved)

    async def upload(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Create or replace a file by its path; the body is the file itself."""
        user = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        path = parameters.words(request, "path", MAX_PATH_CHARS)
        data = await read_bytes(request)
        encoding = encoding_of(data)
        file = NewFile(path, told(data, encoding), encoding)
        return await self._saved(request, user.id, id_, file)

    async def get(
        self, request: AnyRequest, project_id: FromPath[str], file_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with a file."""
        user = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        found = await self._views.file(user.id, id_, id_in_path(request, file_id))
        if found is None:
            raise missing(request)
        tag = {"etag": f'"{found.sha256}"'}
        if is_known(request, tag["etag"]):
            return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=tag)
        return _tagged(found)

    async def delete(
        self, request: AnyRequest, project_id: FromPath[str], file_id: FromPath[str]
    ) -> Response[bytes]:
        """Remove a file."""
        user = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        found = await self._views.file(user.id, id_, id_in_path(request, file_id))
        if found is None:
            raise missing(request)
        condition = _condition(request)
        wanted = DeleteFile(found.path, condition)
        command = command_id(request, user.id, wanted)
        if_match = await self._one_of(condition, (user.id, id_, found.path))
        remove = msgspec.structs.replace(wanted, if_match=if_match)
        try:
            await self._projects.execute(user.id, id_, command, remove)
        except Rejected as refused:
            return await self._collision(refused, (user.id, id_, found.path), None)
        return json_response(payload=True)

    async def _one_of(
        self, condition: str | None, place: tuple[UUID, UUID, str]
    ) -> str | None:
        """Return which bytes have to be there: of several, those that are."""
        if condition is None or " " not in condition:
            return condition
        there = await self._views.file_at(*place)
        is_one = there is not None and there.sha256 in condition.split()
        return there.sha256 if there and is_one else _NEVER

    async def _collision(
        self, refused: Rejected, place: tuple[UUID, UUID, str], yours: NewFile | None
    ) -> Response[bytes]:
        """Answer with both versions, if that is why it was refused.

        Raises:
            Rejected: It is not.

        """
        if refused.code != "conflict":
            raise refused
        await self._projects.catch_up(place[1])
        theirs = await self._views.file_at(*place)
        collision = FileCollision(refused.message, yours, theirs)
        return json_response(collision, HTTPStatus.CONFLICT)


def file_routes(
    security: Security, projects: Projects, views: ProjectViews
) -> list[Router]:
    """Return the handlers below /api/project-files, and of /api/projects/:id/assets."""
    door = FileDoor(security, projects, views)
    one = "/{project_id:str}/{file_id:str}"
    files = Router(
        "/api/project-files",
        route_handlers=[
            get("/{project_id:str}", opt=LIST.opt)(door.list_all),
            put("/{project_id:str}", opt=SAVE.opt)(door.save),
            get(one, opt=GET.opt)(door.get),
            delete(one, status_code=HTTPStatus.OK, opt=DELETE.opt)(door.delete),
        ],
    )
    assets = Router(
        "/api/projects/{project_id:str}/assets",
        route_handlers=[put("/", opt=UPLOAD.opt)(door.upload)],
    )
    return [files, assets]


def _tagged(file: FileRow) -> Response[bytes]:
    return json_response(file, headers={"etag": f'"{file.sha256}"'})


def _condition(request: AnyRequest) -> str | None:
    """Return which bytes have to be there, as ``SaveFile.if_match`` says it.

    Where a client names several, their digests have blanks between them. Weak tags, and
    those that no file can have, match nothing.

    Raises:
        HttpError: 422, a header says something that nobody here could look at.

    """
    tags = demanded(request, "if-match")
    unwanted = demanded(request, "if-none-match")
    if unwanted is not None and (tags is not None or unwanted != [(ANY, True)]):
        reason = "If-None-Match must be *, and without If-Match"
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason)
    if unwanted is not None:
        return _NOTHING
    if tags is None:
        return None
    if tags == [(ANY, True)]:
        return ANY
    found = [_ETAG.fullmatch(tag) for tag, is_strong in tags if is_strong]
    return " ".join(one[1] for one in found if one) or _NEVER


def _checked(file: NewFile) -> str:
    """Return the file's path in canonical form.

    Raises:
        HttpError: 413, the content is too large; 422, no file may have this path, or
            the content is not what it says to be.

    """
    limit = MAX_FILE_BYTES if file.encoding == "utf-8" else MAX_ASSET_BYTES
    try:
        if len(raw(file.content, file.encoding)) > limit:
            kind = "of text" if file.encoding == "utf-8" else "that are not text"
            reason = f"A file may have at most {limit >> 20} MiB {kind}"
            raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
        return safe_path(file.path)
    except (UnsafePath, NoContent) as error:
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
