"""A client that asks again, as its answers say, where a machine is too slow to tell."""

import asyncio
from http import HTTPStatus
from uuid import uuid4

import httpx
from typing_extensions import override

from tests.support.loopback import NO_TLS
from tests.support.polling import PATIENCE_S

_PAUSE_S = 0.1
_AT_MOST_ONCE = ("POST", "PUT", "PATCH")
_KEY = "Idempotency-Key"


class _Again(httpx.AsyncHTTPTransport):
    """Gives each change of a project a key, by which it happens once."""

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_of_a_project = request.url.path.startswith("/api/project")
        if is_of_a_project and request.method in _AT_MOST_ONCE:
            request.headers.setdefault(_KEY, uuid4().hex)
        may_repeat = request.method == "GET" or _KEY in request.headers
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            is_last = asyncio.get_running_loop().time() > deadline or not may_repeat
            try:
                answer = await super().handle_async_request(request)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                if is_last:
                    raise
            else:
                if is_last or answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    return answer
                await answer.aclose()
            await asyncio.sleep(_PAUSE_S)


def patient_client(
    base_url: str, *, cookies: dict[str, str] | None = None
) -> httpx.AsyncClient:
    """Return a client of the api that has whatever it asks for happen once."""
    # The api lets go of a connection after five seconds: no request may cross that.
    limits = httpx.Limits(keepalive_expiry=1)
    return httpx.AsyncClient(
        base_url=base_url,
        cookies=cookies,
        timeout=PATIENCE_S,
        transport=_Again(limits=limits, verify=NO_TLS, trust_env=False),
    )
