"""The OpenAPI document, and a page that shows it and tries it, without the internet."""

from pathlib import Path
from typing import Any

import msgspec
from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from api.domain.scope import Needs
from api.entrypoints.http.body import json_response
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.shared import Shared
from api.entrypoints.pages.openapi import openapi

_FOLDER = Path(__file__).parents[2] / "docs"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

DOCUMENT = Operation(
    id="getOpenApi",
    tag="about",
    about="This document",
    needs=Needs.NOTHING,
    answer=dict[str, Any],
    example={"openapi": "3.1.0"},
)
PAGE = Operation(
    id="getDocs",
    tag="about",
    about="A page that shows the API and tries it",
    needs=Needs.NOTHING,
    media_type="text/html",
)


class Docs(Shared):
    """Answers with the document, the page, and what the page is made of."""

    def __init__(self, version: str, public_url: str) -> None:
        self._version = version
        self._public_url = public_url
        self._document: bytes | None = None

    async def document(self, request: AnyRequest) -> Response[bytes]:
        """Answer with the document, made when it is asked for first."""
        if self._document is None:
            made = openapi(request.app.routes, self._version, self._public_url)
            self._document = msgspec.json.encode(made)
        return json_response(msgspec.Raw(self._document), headers=_CACHED)

    async def page(self) -> Response[bytes]:
        """Answer with the page."""
        headers = {**_CACHED, "content-security-policy": _POLICY}
        return _file("index.html", MediaType.HTML, headers)

    async def script(self) -> Response[bytes]:
        """Answer with its script."""
        return _file("docs.js", "text/javascript", _CACHED)

    async def style(self) -> Response[bytes]:
        """Answer with its style."""
        return _file("docs.css", MediaType.CSS, _CACHED)


_CACHED = {"cache-control": "no-cache"}


def _file(name: str, media_type: str, headers: dict[str, str]) -> Response[bytes]:
    content = (_FOLDER / name).read_bytes()
    return Response(content, media_type=media_type, headers=headers)


def docs_routes(version: str, public_url: str) -> list[HTTPRouteHandler]:
    """Return the handlers of /api/openapi.json and /api/docs."""
    docs = Docs(version, public_url)
    return [
        get("/api/openapi.json", opt=DOCUMENT.opt)(docs.document),
        get("/api/docs", opt=PAGE.opt)(docs.page),
        get("/api/docs/docs.js")(docs.script),
        get("/api/docs/docs.css")(docs.style),
    ]
