"""What a route is: said once, for whoever enforces, documents and tests it."""

from http import HTTPStatus
from typing import Any, Literal

from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from api.domain.scope import Needs
from api.entrypoints.http.errors import MISSING, AnyRequest

OPERATION = "operation"
"""The key in a route's *opt*."""
MAX_JSON_BYTES = 256 * 1024
"""Largest body of any request but one that carries a file."""


class Parameter(Struct, frozen=True):
    """A parameter of the query, or a header."""

    name: str
    about: str
    schema: dict[str, Any]


class Operation(Struct, frozen=True, kw_only=True):
    """A method at a path, in the words of OpenAPI."""

    id: str
    """Its name, such as ``createProject``; unique."""
    tag: str
    about: str
    """One line."""
    needs: Needs
    """Who may call it; `Security` looks here."""
    body: Any = None
    """Type of the body; None: there is none."""
    body_example: Any = None
    takes: str | None = None
    """Media type of a body that is no JSON; None: it is JSON, if there is one."""
    max_bytes: int = MAX_JSON_BYTES
    """Largest body."""
    answer: Any = None
    """Type of the success's body; None: it has none that is JSON."""
    example: Any = None
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    """Those of the request that mean something here."""
    gives: tuple[Parameter, ...] = ()
    """Headers of the success."""
    media_type: str = "application/json"
    """Of the success's body."""
    also: str | None = None
    """Another one, by the client's choice."""
    success: HTTPStatus = HTTPStatus.OK
    errors: tuple[HTTPStatus, ...] = ()
    """Beyond those that follow from everything else here."""
    conflict: Any = None
    """Type of what a 409 tells beside its sentence; None: nothing."""
    conflict_example: Any = None
    missing: str = "Not found"
    """What a 404 says."""
    speaks: Literal["sentence", "code"] = "sentence"
    """How errors look: a plain sentence, or the code and message of /api/auth."""

    @property
    def has_body(self) -> bool:
        """Whether anything is read beside the head."""
        return self.body is not None or self.takes is not None

    @property
    def opt(self) -> dict[str, Any]:
        """What a route is given as its *opt*."""
        return {OPERATION: self, MISSING: self.missing}


def operation_of(request: AnyRequest) -> Operation:
    """Return what the route of a request is.

    Raises:
        KeyError: Nobody has said; a route that looks who is asking has to.

    """
    found: Operation = request.route_handler.opt[OPERATION]
    return found


def described(handler: HTTPRouteHandler) -> Operation | None:
    """Return what a route is, if it says so."""
    found: Operation | None = handler.opt.get(OPERATION)
    return found
