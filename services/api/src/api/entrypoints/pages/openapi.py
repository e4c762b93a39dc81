"""The OpenAPI 3.1 document, made from what each route says of itself."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.routes import BaseRoute, HTTPRoute

from api.domain.scope import Needs
from api.entrypoints.http.idempotency import HEADER, MAX_KEY_CHARS
from api.entrypoints.http.operation import Operation, described
from api.entrypoints.identity.better_auth import RefusalBody
from contracts.project import VARIABLE_NAME

Json = dict[str, Any]

_COMPONENTS = "#/components/schemas/"
_KEYED = frozenset({"POST", "PUT", "PATCH"})
_NAMES = {"service": "^[a-z][a-z0-9-]{0,31}$", "variable": VARIABLE_NAME}
"""Parameters of paths that are no ids, and their patterns."""
_ALWAYS = (HTTPStatus.SERVICE_UNAVAILABLE,)
_AGAIN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_RETRY_AFTER: Json = {
    "description": "Seconds after which to ask again",
    "schema": {"type": "integer", "minimum": 1},
}
_ABOUT = """\
Everything that the page does, and more. Success is bare JSON; errors are one plain
sentence, and JSON with a code and a message below `/api/auth`. Programs show an API
token (`Authorization: Bearer atl_...`), browsers a session's cookie. A POST, PUT or
PATCH with an `Idempotency-Key` happens once, however often it is sent within a day."""
_SENTENCES: dict[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "It is not understood, or does not fit",
    HTTPStatus.UNAUTHORIZED: "Nobody is signed in, or the token is not valid",
    HTTPStatus.FORBIDDEN: "Not for you, or another site made the browser ask",
    HTTPStatus.NOT_FOUND: "There is none, or it is somebody else's",
    HTTPStatus.CONFLICT: "Not as things are now",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "It is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body must be JSON",
    HTTPStatus.UNPROCESSABLE_ENTITY: "It does not fit",
    HTTPStatus.TOO_MANY_REQUESTS: "Too often: Retry-After says when to come again",
    HTTPStatus.SERVICE_UNAVAILABLE: "A part of Atelier does not answer, or too much "
    "is asked of it at once: Retry-After says when to ask again",
}


def openapi(routes: Iterable[BaseRoute], version: str, public_url: str) -> Json:
    """Return the document of all routes that say what they are."""
    operations = sorted(_operations(routes), key=lambda one: one[:2])
    types = {
        id(type_): type_
        for _, _, operation in operations
        for type_ in (
            *(operation.body, operation.answer, operation.conflict, RefusalBody),
        )
        if type_ is not None
    }
    schemas, components = msgspec.json.schema_components(
        types.values(), ref_template=f"{_COMPONENTS}{{name}}"
    )
    by_type = dict(zip(types, schemas, strict=True))
    paths: Json = {}
    for path, method, operation in operations:
        paths.setdefault(path, {})[method.lower()] = _operation(
            path, method, operation, by_type
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Atelier", "version": version, "description": _ABOUT},
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token, `atl_...`",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "better-auth.session_token",
                },
            },
        },
    }


def _operations(routes: Iterable[BaseRoute]) -> Iterable[tuple[str, str, Operation]]:
    for route in routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            operation = described(handler)
            if operation is None:
                continue
            for method in handler.http_methods:
                if method != "OPTIONS":
                    yield route.path_format, str(method), operation


def _operation(
    path: str, method: str, operation: Operation, schemas: dict[int, Json]
) -> Json:
    found: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.about,
        "security": _security(operation.needs),
        "parameters": [*_parameters(path, method, operation)],
        "responses": _responses(path, method, operation, schemas),
    }
    if operation.takes is not None:
        octets = {"schema": {"type": "string", "format": "binary"}}
        found["requestBody"] = {"required": True, "content": {operation.takes: octets}}
    if operation.body is not None:
        content = {"schema": schemas[id(operation.body)]}
        if operation.body_example is not None:
            content["example"] = msgspec.to_builtins(operation.body_example)
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": content},
        }
    return found


def _security(needs: Needs) -> list[Json]:
    match needs:
        case Needs.NOTHING:
            return []
        case Needs.READ | Needs.WRITE:
            return [{"session": []}, {"token": [str(needs)]}]
        case Needs.SESSION | Needs.ADMINISTRATOR:
            return [{"session": []}]


def _parameters(path: str, method: str, operation: Operation) -> Iterable[Json]:
    for name in re.findall(r"\{(\w+)\}", path):
        schema = {"type": "string", "format": "uuid"}
        if name in _NAMES:
            schema = {"type": "string", "pattern": _NAMES[name]}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for parameter in operation.query:
        yield {
            "name": parameter.name,
            "in": "query",
            "description": parameter.about,
            "schema": {"type": "string", **parameter.schema},
        }
    for header in operation.headers:
        yield {
            "name": header.name,
            "in": "header",
            "description": header.about,
            "schema": {"type": "string", **header.schema},
        }
    if method in _KEYED:
        yield {
            "name": HEADER,
            "in": "header",
            "description": "The same again gets the same answer, and happens once",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_KEY_CHARS,
                "pattern": "^[A-Za-z0-9_-]+$",
            },
        }


def _responses(
    path: str, method: str, operation: Operation, schemas: dict[int, Json]
) -> Json:
    content: Json = {}
    if operation.answer is not None:
        content[operation.media_type] = {
            "schema": schemas[id(operation.answer)],
            "example": msgspec.to_builtins(operation.example),
        }
    elif operation.success is HTTPStatus.OK:
        content[operation.media_type] = {"schema": {"type": "string"}}
    if operation.also is not None:
        content[operation.also] = {"schema": {"type": "string"}}
    success: Json = {"description": operation.about}
    if content:
        success["content"] = content
    if operation.gives:
        success["headers"] = {
            one.name: {"description": one.about, "schema": one.schema}
            for one in operation.gives
        }
    responses: Json = {str(int(operation.success)): success}
    for status in sorted(_errors(path, method, operation)):
        sentence = _SENTENCES[status]
        if status is HTTPStatus.NOT_FOUND:
            sentence = operation.missing
        responses[str(int(status))] = _error(operation, status, sentence)
    if operation.conflict is not None:
        conflict = responses.setdefault(str(int(HTTPStatus.CONFLICT)), {})
        conflict["content"]["application/json"] = {
            "schema": schemas[id(operation.conflict)],
            "example": msgspec.to_builtins(operation.conflict_example),
        }
    return responses


def _errors(path: str, method: str, operation: Operation) -> set[HTTPStatus]:
    """Return the statuses that follow from what a route is, and those it adds."""
    errors = {*operation.errors, *_ALWAYS}
    if operation.needs is not Needs.NOTHING:
        errors |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if "{" in path:
        errors.add(HTTPStatus.NOT_FOUND)
    if operation.has_body:
        errors |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT}
    if operation.body is not None or operation.query or operation.headers:
        errors.add(HTTPStatus.UNPROCESSABLE_ENTITY)
    if operation.conflict is not None:
        errors.add(HTTPStatus.CONFLICT)
    if method in _KEYED:  # the key may be too long, or under way
        errors |= {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT}
    return errors


def _error(operation: Operation, status: HTTPStatus, sentence: str) -> Json:
    content: Json = {"text/plain": {"schema": {"type": "string"}, "example": sentence}}
    if operation.speaks == "code":
        schema = {"$ref": f"{_COMPONENTS}{RefusalBody.__name__}"}
        content = {"application/json": {"schema": schema}}
    error: Json = {"description": sentence, "content": content}
    if status in _AGAIN:
        error["headers"] = {"Retry-After": _RETRY_AFTER}
    return error
