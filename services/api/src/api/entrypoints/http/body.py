"""JSON in, JSON out."""

import re
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from litestar import MediaType, Response

from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.operation import operation_of

T = TypeVar("T")

_PATTERN = re.compile(r"Expected `str` matching regex '.*'(?= - at |$)", re.DOTALL)
_encoder = msgspec.json.Encoder()

BadJson = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises when the bytes are not JSON, or too deep to be meant well."""


def is_json(request: AnyRequest) -> bool:
    """Tell whether the body says of itself that it is JSON.

    A page elsewhere cannot send that without asking first (CORS), which nobody answers.
    """
    return request.content_type[0] == MediaType.JSON


async def read_bytes(request: AnyRequest) -> bytes:
    """Return the body, read no further than the route's operation says.

    Raises:
        HttpError: 413, it is longer; 408 and 503 as `BodyMemory` says.

    """
    max_bytes = operation_of(request).max_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)


async def read_json(request: AnyRequest, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the body as what *decoder* makes of it.

    Raises:
        HttpError: As `read_bytes`; 422, it does not fit.

    """
    if not is_json(request):
        raise HttpError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "The body must be JSON, with the header Content-Type: application/json",
        )
    body = await read_bytes(request)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise HttpError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"The body does not fit: {_said(error)}"
        ) from error
    except BadJson as error:
        raise HttpError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "The body is not valid JSON"
        ) from error


def _said(error: msgspec.ValidationError) -> str:
    """Return what does not fit, without the pattern that it was held against."""
    return _PATTERN.sub("Expected another form of text", str(error))


def json_response(
    payload: Any,  # noqa: ANN401 - whatever msgspec encodes
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """Return *payload* as it is, without an envelope."""
    return Response(
        _encoder.encode(payload),
        status_code=status,
        media_type=MediaType.JSON,
        headers=headers,
    )
