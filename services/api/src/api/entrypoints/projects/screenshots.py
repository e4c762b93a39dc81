"""REST of how an app looked when it was checked last."""

from hashlib import sha256
from http import HTTPStatus

from litestar import Response, Router, get
from litestar.params import FromPath

from api.domain.scope import Needs
from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.etags import is_known
from api.entrypoints.http.operation import Operation, Parameter
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import NOT_FOUND
from api.ports import Apps

_NONE = "There is no screenshot of this app yet"

GET = Operation(
    id="getScreenshot",
    tag="projects",
    about="How the app looked when it was checked last",
    needs=Needs.READ,
    media_type="image/jpeg",
    gives=(Parameter("ETag", "Asked with in If-None-Match, 304", {"type": "string"}),),
    missing=NOT_FOUND,
)


class ScreenshotDoor(Shared):
    """The requests for pictures, which hostile code may have drawn."""

    def __init__(self, own: OwnProjects, apps: Apps) -> None:
        self._own = own
        self._apps = apps

    async def get(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with a JPEG."""
        _, id_ = await self._own.id(request, project_id)
        jpeg = await self._apps.screenshot(id_)
        if jpeg is None:
            raise HttpError(HTTPStatus.NOT_FOUND, _NONE)
        headers = {
            "cache-control": "private, no-cache",
            "etag": f'"{sha256(jpeg).hexdigest()}"',
            "x-content-type-options": "nosniff",
        }
        if is_known(request, headers["etag"]):
            return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(jpeg, media_type=GET.media_type, headers=headers)


def screenshot_routes(own: OwnProjects, apps: Apps) -> Router:
    """Return the handler of /api/projects/:id/screenshot."""
    door = ScreenshotDoor(own, apps)
    return Router(
        "/api/projects/{project_id:str}/screenshot",
        route_handlers=[get("/", opt=GET.opt)(door.get)],
    )
