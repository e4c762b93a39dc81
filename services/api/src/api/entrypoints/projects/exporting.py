"""REST of projects on their way out: a zip of files, a git bundle of history."""

import asyncio
import os
import re
import unicodedata
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import BinaryIO

from litestar import Router, get
from litestar.params import FromPath
from litestar.response import Stream

from api.application.projects.exporting import Exports
from api.domain.scope import Needs
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.operation import Operation, Parameter
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import NOT_FOUND
from api.ports import Person

_CHUNK = 1 << 18
_NAMED = (
    Parameter(
        "Content-Disposition", "The name of the file to save", {"type": "string"}
    ),
)

FILES = Operation(
    id="exportFiles",
    tag="exchange",
    about="A zip of the project's files",
    needs=Needs.READ,
    media_type="application/zip",
    gives=_NAMED,
    errors=(HTTPStatus.UNPROCESSABLE_ENTITY,),
    missing=NOT_FOUND,
)
HISTORY = Operation(
    id="exportHistory",
    tag="exchange",
    about="The project as a git repository, for `git clone NAME.bundle`: a commit for "
    "each phase and for each edit of a person",
    needs=Needs.READ,
    media_type="application/x-git-bundle",
    gives=_NAMED,
    errors=(HTTPStatus.UNPROCESSABLE_ENTITY,),
    missing=NOT_FOUND,
)


class ExportDoor(Shared):
    """The requests for archives."""

    def __init__(self, own: OwnProjects, exports: Exports) -> None:
        self._own = own
        self._exports = exports

    async def files(self, request: AnyRequest, project_id: FromPath[str]) -> Stream:
        """Answer with a zip."""
        _, project = await self._own.project(request, project_id)
        name = file_name(project.name)
        archive = await self._exports.files(project, name)
        return _sent(archive, f"{name}.zip", FILES.media_type)

    async def history(self, request: AnyRequest, project_id: FromPath[str]) -> Stream:
        """Answer with a git bundle."""
        caller, project = await self._own.project(request, project_id)
        owner = Person(caller.account.name, caller.account.email)
        archive = await self._exports.history(project, owner)
        name = f"{file_name(project.name)}.bundle"
        return _sent(archive, name, HISTORY.media_type)


def file_name(text: str) -> str:
    """Return *text* as every disk and shell takes it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60] or "project"


def _sent(archive: BinaryIO, name: str, media_type: str) -> Stream:
    async def pieces() -> AsyncIterator[bytes]:
        with archive:
            while piece := await asyncio.to_thread(archive.read, _CHUNK):
                yield piece

    return Stream(
        pieces(),
        media_type=media_type,
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "content-length": str(os.fstat(archive.fileno()).st_size),
            "x-content-type-options": "nosniff",
        },
    )


def export_routes(own: OwnProjects, exports: Exports) -> Router:
    """Return the handlers of /api/projects/:id/export."""
    door = ExportDoor(own, exports)
    return Router(
        "/api/projects/{project_id:str}/export",
        route_handlers=[
            get("/zip", opt=FILES.opt)(door.files),
            get("/git", opt=HISTORY.opt)(door.history),
        ],
    )
