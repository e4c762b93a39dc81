"""The client's side of an exchange: its head, its body, and the answer to it."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from http import HTTPStatus

import h11

from proxy.errors import ClientGone, Refused
from proxy.head import (
    END_OF_HEAD,
    RequestHead,
    check_characters,
    check_lines,
    check_request,
)
from proxy.headers import Headers, is_websocket
from proxy.routing import Answer, Limits

CHUNK = 64 * 1024

_LINGER_S = 1.0
_LINGER_BYTES = 4 * 1024 * 1024


class Client:
    """One connection of a client, for one request."""

    def __init__(
        self, reader: StreamReader, writer: StreamWriter, limits: Limits
    ) -> None:
        self.reader = reader
        self.writer = writer
        self._limits = limits
        self._http = h11.Connection(
            h11.SERVER, max_incomplete_event_size=limits.head_bytes
        )

    # --- the request ----------------------------------------------------------------

    async def read_head(self, peer: str, scheme: str) -> RequestHead | None:
        """Return the request's head; None where a client leaves without a request.

        Raises:
            Refused: The head is malformed, too large or too slow.

        """
        raw = await self._read_raw_head()
        if raw is None:
            return None
        try:
            self._http.receive_data(raw)
            event = self._http.next_event()
        except h11.RemoteProtocolError as exc:
            raise Refused(exc.error_status_hint, "The request is malformed.") from exc
        if not isinstance(event, h11.Request):
            raise Refused(400, "The request is malformed.")
        headers: Headers = event.headers.raw_items()
        host = check_request(event.method, event.target, event.http_version, headers)
        return RequestHead(
            method=event.method.decode("ascii"),
            target=event.target.decode("ascii"),
            host=host,
            headers=headers,
            peer=peer,
            scheme=scheme,
            is_websocket=is_websocket(event.method, event.http_version, headers),
        )

    async def _read_raw_head(self) -> bytes | None:
        """Return at least one whole head, and whatever came with it."""
        raw = b""
        try:
            async with asyncio.timeout(self._limits.idle_s):
                raw = await self.reader.read(CHUNK)
            if not raw:
                return None
            async with asyncio.timeout(self._limits.head_s):
                return await self._read_to_end_of_head(bytearray(raw))
        except TimeoutError:
            if not raw:  # a browser opened it just in case
                return None
            raise Refused(408, "The request's head took too long.") from None
        except OSError:
            return None

    async def _read_to_end_of_head(self, raw: bytearray) -> bytes | None:
        checked = 0
        while (end := raw.find(END_OF_HEAD, max(0, checked - 3))) < 0:
            # Refused as early as can be: after a bare line feed the end may never
            # come. A carriage return at the end may still get its line feed.
            known = len(raw) - raw.endswith(b"\r")
            check_characters(raw, checked, known)
            checked = known
            if len(raw) > self._limits.head_bytes:
                break
            more = await self.reader.read(CHUNK)
            if not more:
                return None
            raw += more
        if not 0 <= end <= self._limits.head_bytes:
            raise Refused(431, "The request's head is too large.")
        end += len(END_OF_HEAD)
        check_characters(raw, checked, end)
        check_lines(bytes(raw[:end]))
        return bytes(raw)

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body that the head announced, and not a byte beyond.

        Raises:
            ClientGone: The body broke off.
            Refused: Its chunks are malformed.

        """
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        while True:
            try:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    self._http.receive_data(await self._read())
                    continue
            except h11.RemoteProtocolError as exc:
                raise Refused(400, "The request's body is malformed.") from exc
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            else:
                return

    async def _read(self) -> bytes:
        try:
            data = await self.reader.read(CHUNK)
        except OSError as exc:
            raise ClientGone("reset") from exc
        if not data:
            raise ClientGone("the body broke off")
        return data

    async def until_gone(self) -> None:
        """Wait until the client leaves; what it sends beyond its request is dropped.

        Raises:
            ClientGone: Always, sooner or later.

        """
        while True:
            await self._read()

    # --- the answer -----------------------------------------------------------------

    @property
    def has_answer(self) -> bool:
        """Tell whether the head of an answer went out, so that no other can."""
        return self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE)

    async def send_informational(self, status: int, headers: Headers) -> None:
        """Pass on a 1xx; 101 ends HTTP on this connection."""
        await self._send(h11.InformationalResponse(status_code=status, headers=headers))

    async def send_head(self, status: int, reason: bytes, headers: Headers) -> None:
        """Send the head; without a length among *headers* the body is chunked."""
        await self._send(
            h11.Response(
                status_code=status,
                reason=reason,
                headers=[*headers, (b"Connection", b"close")],
            )
        )

    async def send_data(self, data: bytes) -> None:
        """Send a piece of the body, no faster than the client takes it."""
        await self._send(h11.Data(data=data))

    async def send_end(self) -> None:
        """Say that the answer is complete."""
        await self._send(h11.EndOfMessage())

    async def answer(self, answer: Answer, method: str) -> None:
        """Send a whole answer of our own."""
        headers: Headers = [
            (b"Content-Type", answer.content_type.encode("ascii")),
            (b"Content-Length", str(len(answer.body)).encode("ascii")),
            *answer.headers,
        ]
        reason = HTTPStatus(answer.status).phrase.encode("ascii")
        await self.send_head(answer.status, reason, headers)
        if method != "HEAD":
            await self.send_data(answer.body)
        await self.send_end()

    async def refuse(self, refusal: Refused) -> None:
        """Answer a request that was not understood, without trusting what was read."""
        body = f"{refusal.sentence}\n".encode()
        reason = HTTPStatus(refusal.status).phrase
        self.writer.write(
            f"HTTP/1.1 {refusal.status} {reason}\r\nConnection: close\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await self._drain()

    async def _send(self, event: h11.Event) -> None:
        self.writer.write(self._http.send(event) or b"")
        await self._drain()

    async def _drain(self) -> None:
        try:
            await self.writer.drain()
        except OSError as exc:
            raise ClientGone("reset") from exc

    def leftover(self) -> bytes:
        """Return what came after the head of an upgrade."""
        return bytes(self._http.trailing_data[0])

    async def linger(self) -> None:
        """End our side and let the client read the answer before its body is cut off.

        Closing a socket with unread bytes resets the connection, and a reset takes away
        an answer that the client has not read yet.
        """
        taken = 0
        try:
            # uvloop raises RuntimeError for the end of what has ended.
            if self.writer.can_write_eof() and not self.writer.is_closing():
                self.writer.write_eof()
            async with asyncio.timeout(_LINGER_S):
                while taken < _LINGER_BYTES:
                    data = await self.reader.read(CHUNK)
                    if not data:
                        return
                    taken += len(data)
        except (OSError, RuntimeError):
            return
