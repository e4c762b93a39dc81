"""The page: the built web client, and what it needs to know before anybody signs in."""

from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
from litestar import HttpMethod, MediaType, Response, get, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from api.domain.scope import Needs
from api.entrypoints.http.body import json_response
from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.etags import is_known
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.shared import Shared
from api.ports import Apps, PageFiles

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_ANY = [*_READ, *(HttpMethod(name) for name in ("POST", "PUT", "PATCH", "DELETE"))]
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"

_NOT_BUILT = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Atelier</title>
<h1>Atelier is running</h1>
<p>Its page could not be built: <code>make run</code> has printed why, and tries again
when it is started again.</p>
"""


class PublicConfig(Struct, frozen=True, rename="camel"):
    """What anybody may know of this server."""

    name: str
    version: str
    demo_model: bool
    """A built-in model answers, because there is no key for a real one."""
    public_url: str
    preview_domain: str
    sign_in_elsewhere: str | None = None
    """What the page calls the other server on which people can sign in."""
    apps_apart: bool | None = None
    """Whether generated apps reach nothing of the machine; None: nobody says."""
    isolation: str | None = None
    """What they share with it, and what not, in a sentence."""


CONFIG = Operation(
    id="getConfig",
    tag="about",
    about="What anybody may know of this server",
    needs=Needs.NOTHING,
    answer=PublicConfig,
    example=PublicConfig(
        name="Atelier",
        version="0.1.0",
        demo_model=False,
        public_url="http://localhost:3000",
        preview_domain="preview.localhost",
    ),
)


class Page(Shared):
    """Answers with files of the built client, and with the page for all else."""

    def __init__(self, files: PageFiles, config: PublicConfig, apps: Apps) -> None:
        self._files = files
        self._config = config
        self._apps = apps
        self._policy = page_policy(config)

    async def front(self, request: AnyRequest) -> Response[bytes]:
        """Answer people with the page and programs with name and version."""
        if _wants_json(request.headers.get("accept", "")):
            about = {"name": self._config.name, "version": self._config.version}
            return json_response(about, headers={"vary": "accept"})
        return self._page(request)

    async def asset(self, request: AnyRequest, path: FromPath[str]) -> Response[bytes]:
        """Answer with a file whose name changes with its content."""
        found = self._file(request, f"assets{path}", _FOR_EVER)
        if found is None:
            raise HttpError(HTTPStatus.NOT_FOUND)
        return found

    async def view(self, request: AnyRequest, path: FromPath[str]) -> Response[bytes]:
        """Answer with a file beside the page, or with the page: it has many views."""
        found = self._file(request, path.lstrip("/"), _ASK_AGAIN)
        return found or self._page(request)

    async def config(self) -> Response[bytes]:
        """Answer with what anybody may know."""
        told = await self._apps.isolation()
        if told is None:
            return json_response(self._config)
        known = msgspec.structs.replace(
            self._config, apps_apart=told.is_apart, isolation=told.summary
        )
        return json_response(known)

    def _page(self, request: AnyRequest) -> Response[bytes]:
        found = self._file(request, "index.html", _ASK_AGAIN)
        if found is None:
            found = Response(_NOT_BUILT, media_type=MediaType.HTML)
        found.headers["content-security-policy"] = self._policy
        found.headers["vary"] = "accept, accept-encoding"
        return found

    def _file(
        self, request: AnyRequest, path: str, cache_control: str
    ) -> Response[bytes] | None:
        found = self._files.find(path, request.headers.get("accept-encoding", ""))
        if found is None:
            return None
        headers = {
            "cache-control": cache_control,
            "etag": found.etag,
            "vary": "accept-encoding",
        }
        if is_known(request, found.etag):
            return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        if found.encoding is not None:
            headers["content-encoding"] = found.encoding
        return Response(found.content, media_type=found.media_type, headers=headers)


async def nothing() -> None:
    """Refuse what lies below a path of ours and is not there."""
    raise HttpError(HTTPStatus.NOT_FOUND)


def page_routes(
    files: PageFiles, config: PublicConfig, apps: Apps
) -> list[HTTPRouteHandler]:
    """Return the handlers of the page and of /api/config."""
    page = Page(files, config, apps)
    ours = [f"/{name}{rest}" for name in ("api", "ws") for rest in ("", "/{_:path}")]
    return [
        route("/", http_method=_READ)(page.front),
        route("/assets/{path:path}", http_method=_READ)(page.asset),
        route("/{path:path}", http_method=_READ)(page.view),
        get("/api/config", opt=CONFIG.opt)(page.config),
        route([*ours, "/assets"], http_method=_ANY)(nothing),
    ]


def page_policy(config: PublicConfig) -> str:
    """Return what the page may load: itself, and previews in frames.

    No style is inline: what the editor and the panes need at run time are constructed
    sheets, and single properties of elements, which no policy is about.
    """
    url = urlsplit(config.public_url)
    port = f":{url.port}" if url.port else ""
    socket = "wss" if url.scheme == "https" else "ws"
    sources = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "font-src": "'self'",
        "connect-src": f"'self' {socket}://{url.netloc}",
        "frame-src": f"{url.scheme}://*.{config.preview_domain}{port}",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in sources.items())


def _wants_json(accept: str) -> bool:
    return "application/json" in accept and "text/html" not in accept
