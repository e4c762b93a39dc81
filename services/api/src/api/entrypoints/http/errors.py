"""Errors as clients see them: a status from one table and one plain sentence."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from api.application.errors import Busy, Forbidden, LimitReached
from chassis import logs
from contracts.requests import RefusalCode
from eventcore.errors import Rejected, Unavailable

MISSING = "missing"
"""The key in a route's *opt* for the sentence that says what was not found."""

RETRY_AFTER_S = 1
"""When to ask again after something did not answer."""

STATUS: Mapping[RefusalCode, HTTPStatus] = {
    "project_access_denied": HTTPStatus.NOT_FOUND,  # as if there were none
    "project_not_found": HTTPStatus.NOT_FOUND,
    "generation_in_progress": HTTPStatus.CONFLICT,
    "generation_not_in_progress": HTTPStatus.CONFLICT,
    "conflict": HTTPStatus.CONFLICT,
    "invalid_message_data": HTTPStatus.UNPROCESSABLE_ENTITY,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "internal_error": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""What the agent's refusals are over HTTP."""

_SENTENCES: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "The request is not valid",
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "The request comes from another site",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.METHOD_NOT_ALLOWED: "This method is not allowed here",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request does not fit",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests, try again later",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on our side",
    HTTPStatus.SERVICE_UNAVAILABLE: "A part of Atelier does not answer, try again",
}

_log = logs.get(__name__)

AnyRequest = Request[Any, Any, Any]


class HttpError(Exception):
    """An answer other than success, decided at the door."""

    def __init__(
        self,
        status: HTTPStatus,
        sentence: str | None = None,
        *,
        retry_after_s: int | None = None,
        allow: str | None = None,
    ) -> None:
        self.status = status
        self.sentence = sentence or _SENTENCES[status]
        self.headers: dict[str, str] = {}
        if retry_after_s is not None:
            self.headers["retry-after"] = str(max(1, retry_after_s))
        if allow is not None:
            self.headers["allow"] = allow
        super().__init__(self.sentence)


def read(request: AnyRequest, error: Exception) -> HttpError:
    """Return what *error* is to a client; log it where it is our fault."""
    match error:
        case HttpError():
            return error
        case Rejected():
            return _refused(request, error)
        case Unavailable():
            _log.warning("unavailable", reason=str(error))
            return HttpError(
                HTTPStatus.SERVICE_UNAVAILABLE, retry_after_s=RETRY_AFTER_S
            )
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _from_litestar(error)
        case _:
            _log.error("request failed", exc_info=error)
            return HttpError(HTTPStatus.INTERNAL_SERVER_ERROR)


def plain(request: AnyRequest, error: Exception) -> Response[str]:
    """Answer with the sentence."""
    told = read(request, error)
    return Response(
        told.sentence,
        status_code=told.status,
        media_type=MediaType.TEXT,
        headers=told.headers,
    )


def missing(request: AnyRequest) -> HttpError:
    """Return the 404 of this route: what is not there, or is somebody else's."""
    return HttpError(HTTPStatus.NOT_FOUND, request.route_handler.opt.get(MISSING))


def _refused(request: AnyRequest, error: Rejected) -> HttpError:
    match error:
        case LimitReached():
            return HttpError(
                HTTPStatus.TOO_MANY_REQUESTS, retry_after_s=error.retry_after_s
            )
        case Busy():
            return HttpError(
                HTTPStatus.CONFLICT, error.message, retry_after_s=RETRY_AFTER_S
            )
        case Forbidden():
            return HttpError(HTTPStatus.FORBIDDEN, error.message)
        case _:
            return _refused_by_code(request, error)


def _refused_by_code(request: AnyRequest, error: Rejected) -> HttpError:
    status = STATUS.get(error.code)  # type: ignore[call-overload]
    match status:
        case HTTPStatus.NOT_FOUND:
            return missing(request)
        case HTTPStatus.UNPROCESSABLE_ENTITY | HTTPStatus.CONFLICT:
            return HttpError(status, error.message)
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            return HttpError(status, retry_after_s=RETRY_AFTER_S)
        case _:
            _log.error("refused without a status", code=error.code)
            return HttpError(HTTPStatus.INTERNAL_SERVER_ERROR)


def _from_litestar(error: HTTPException) -> HttpError:
    """Keep the status and nothing of the text, which speaks of code."""
    try:
        status = HTTPStatus(error.status_code)
        return HttpError(status, allow=(error.headers or {}).get("allow"))
    except (ValueError, KeyError):
        return HttpError(HTTPStatus.BAD_REQUEST)
