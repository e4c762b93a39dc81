"""REST of where an app will be seen, for a page that is there before it."""

from litestar import Response, Router, get
from litestar.params import FromPath
from msgspec import Struct

from api.domain.scope import Needs
from api.entrypoints.http.body import json_response
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import NOT_FOUND
from api.ports import Apps


class Opening(Struct, frozen=True, rename="camel"):
    """Where an app opens as soon as there is one."""

    opening_url: str | None
    """A page that becomes the app; it starts nothing. None: nobody can tell now."""


GET = Operation(
    id="getOpening",
    tag="projects",
    about="The page that becomes the app as soon as there is one to show",
    needs=Needs.READ,
    answer=Opening,
    example=Opening("http://a1b2c3.preview.localhost:3000/.atelier/opening"),
    missing=NOT_FOUND,
)


class OpeningDoor(Shared):
    """The requests of pages that have a frame for an app to come."""

    def __init__(self, own: OwnProjects, apps: Apps) -> None:
        self._own = own
        self._apps = apps

    async def get(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with an address that only the project's owner is told."""
        _, id_ = await self._own.id(request, project_id)
        return json_response(Opening(await self._apps.opening(id_)))


def opening_routes(own: OwnProjects, apps: Apps) -> Router:
    """Return the handler of /api/projects/:id/opening."""
    door = OpeningDoor(own, apps)
    return Router(
        "/api/projects/{project_id:str}/opening",
        route_handlers=[get("/", opt=GET.opt)(door.get)],
    )
