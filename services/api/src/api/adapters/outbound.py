"""HTTP to the outside: webhooks, repositories, and the issuer that is configured.

The one module that knows httpx. Redirects are never followed, no proxy of the
environment is used, and no answer is read further than is needed.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from socket import SOCK_STREAM

import httpx
from typing_extensions import override

from api.domain.webhook import is_public
from api.ports import Undeliverable, WebhookCaller
from eventcore.errors import Unavailable

CONNECT_S = 5.0
WEBHOOK_S = 15.0
"""For a whole attempt, name and handshake included."""
ISSUER_S = 10.0
MAX_ANSWER_BYTES = 1 << 20
_HEADERS = {"user-agent": "Atelier", "accept-encoding": "identity"}


@asynccontextmanager
async def open_outbound(*, allow_private: bool) -> AsyncIterator["Outbound"]:
    """Lend a client; *allow_private* lets webhooks go to addresses of one's own."""
    async with httpx.AsyncClient(
        verify=ssl.create_default_context(),
        trust_env=False,
        follow_redirects=False,
        headers=_HEADERS,
        timeout=httpx.Timeout(WEBHOOK_S, connect=CONNECT_S),
        # A connection belongs to an address, which other names may share.
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=0),
    ) as client:
        yield Outbound(client, allow_private=allow_private)


class Outbound(WebhookCaller):
    """Calls the addresses that it has checked, and no others."""

    def __init__(self, client: httpx.AsyncClient, *, allow_private: bool) -> None:
        self._client = client
        self._allow_private = allow_private

    def allowing_private(self, *, allowed: bool) -> "Outbound":
        """Return the same with another rule for addresses of one's own network."""
        return Outbound(self._client, allow_private=allowed)

    @override
    async def call(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            async with asyncio.timeout(WEBHOOK_S):
                return await self._call(httpx.URL(url), body, headers)
        except TimeoutError as error:
            raise Undeliverable(f"no answer within {WEBHOOK_S:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Undeliverable(type(error).__name__) from error

    async def _call(
        self, url: httpx.URL, body: bytes, headers: Mapping[str, str]
    ) -> int:
        response = await self._send("POST", url, body, headers)
        await response.aclose()
        return response.status_code

    async def fetch(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        max_bytes: int,
        timeout_s: float,
    ) -> tuple[int, bytes]:
        """Return status and body of what *url* answers.

        Raises:
            Undeliverable: It may not be asked, does not answer in time, or with more
                than *max_bytes*.

        """
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._send(method, httpx.URL(url), body, headers)
                try:
                    return response.status_code, await _read(response, max_bytes)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise Undeliverable(f"no answer within {timeout_s:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Undeliverable(type(error).__name__) from error

    async def _send(
        self, method: str, url: httpx.URL, body: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Send a request to an address of the url's host that was checked."""
        address = await self._address(url)
        request = self._client.build_request(
            method,
            url.copy_with(host=address),
            content=body,
            headers={**headers, "host": url.netloc.decode("ascii")},
            # The name is what the certificate has to be for, not the address.
            extensions={"sni_hostname": url.host},
        )
        return await self._client.send(request, stream=True)

    async def _address(self, url: httpx.URL) -> str:
        """Return an address of the url's host, if all of them may be called.

        It is this very one that is connected to, whatever the name leads to next.
        """
        port = url.port or (443 if url.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(url.host, port, type=SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses:
            raise Undeliverable("the name leads nowhere")
        if not self._allow_private and not all(map(is_public, addresses)):
            raise Undeliverable("the address is not public")
        return addresses[0]

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the body at *url* of an issuer.

        Raises:
            Unavailable: It does not answer, or not with 200.

        """
        status, body = await self._ask("GET", url, headers=headers)
        if status != HTTPStatus.OK:
            raise Unavailable(f"{url} answers {status}")
        return body

    async def post_form(
        self, url: str, fields: Mapping[str, str], basic: tuple[str, str] | None
    ) -> tuple[int, bytes]:
        """Return status and body of what an issuer answers to a form.

        Raises:
            Unavailable: It does not answer.

        """
        return await self._ask("POST", url, data=dict(fields), auth=basic)

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(ISSUER_S),
                self._client.stream(
                    method,
                    url,
                    headers={"accept": "application/json", **(headers or {})},
                    data=data,
                    auth=auth or httpx.USE_CLIENT_DEFAULT,
                ) as response,
            ):
                if _is_encoded(response):
                    raise Unavailable(f"{url} answers in an encoding")
                body = bytearray()
                async for piece in response.aiter_raw():
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise Unavailable(f"{url} answers without end")
                return response.status_code, bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise Unavailable(f"{url} does not answer: {error!r}") from error


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    if _is_encoded(response):
        raise Undeliverable("it answers in an encoding that was not asked for")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > max_bytes:
            raise Undeliverable(f"it sends more than {max_bytes >> 20} MiB")
    return bytes(body)


def _is_encoded(response: httpx.Response) -> bool:
    """Tell whether a body is compressed: a few bytes of it could fill the memory."""
    told = response.headers.get("content-encoding", "")
    return told.strip().lower() not in {"", "identity"}
