"""One connection, one request, one answer; or one upgrade and then bytes both ways."""

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

import h11

from proxy.client import Client
from proxy.errors import ClientGone, Refused, UpstreamBroken
from proxy.head import RequestHead
from proxy.headers import (
    Headers,
    end_to_end,
    forwarded,
    values_of,
    without,
    without_forwarded,
)
from proxy.routing import Answer, Limits, Route, Upstream
from proxy.splice import splice, watch
from proxy.upstream import Service

_SWITCHING = 101
_EVENTS = b"text/event-stream"
_CLOSE: Headers = [(b"Connection", b"close")]
_UPGRADE: Headers = [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
_TOO_LATE = Answer(504, b"The service did not answer in time.\n")


class Exchange:
    """Takes one connection from its first byte to its last."""

    def __init__(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        route: Route,
        limits: Limits,
        *,
        peer: str,
        trusted: bool,
        scheme: str,
    ) -> None:
        self._client = Client(reader, writer, limits)
        self._route = route
        self._limits = limits
        self._peer = peer
        self._trusted = trusted
        self._scheme = scheme
        self._idle: asyncio.Timeout | None = None
        self.is_waiting = True
        """No request has begun: closing the connection takes nothing from anybody."""

    async def run(self) -> None:
        """Serve the connection and close it; an unknown exception is a bug."""
        client = self._client
        try:
            await self._serve()
            await client.linger()
        except Refused as refusal:
            await self._refuse(refusal)
        except ClientGone:
            pass
        except (UpstreamBroken, TimeoutError):
            # Part of an answer went out: only a broken connection says so.
            self.abort()
        finally:
            client.writer.close()

    def abort(self) -> None:
        """Break the connection, so that no part of an answer looks complete."""
        self._client.writer.transport.abort()

    async def _refuse(self, refusal: Refused) -> None:
        if self._client.has_answer:
            self.abort()
            return
        with suppress(ClientGone):
            await self._client.refuse(refusal)
        await self._client.linger()

    async def _serve(self) -> None:
        head = await self._client.read_head(self._peer, self._scheme)
        self.is_waiting = False
        if head is None:
            return
        target = await self._ask_route(head)
        if isinstance(target, Answer):
            await self._answer_with(target, head)
            return
        try:
            service = await Service.connect(target.address, self._limits.connect_s)
        except OSError:
            await self._answer_with(target.unavailable(head), head)
            return
        try:
            with target.meanwhile():
                await self._pass_on(head, target, service)
        finally:
            service.close()

    async def _ask_route(self, head: RequestHead) -> Upstream | Answer:
        try:
            return await self._route(head)
        except Refused:
            raise
        except Exception:
            sentence = "The server failed to handle the request."
            with suppress(ClientGone):
                await self._client.refuse(Refused(500, sentence))
            raise

    async def _answer_with(self, answer: Answer, head: RequestHead) -> None:
        async with asyncio.timeout(self._limits.idle_s):
            await self._client.answer(answer, head.method)

    async def _pass_on(
        self, head: RequestHead, target: Upstream, service: Service
    ) -> None:
        try:
            async with asyncio.timeout(self._limits.idle_s) as self._idle:
                upgraded = await self._converse(head, target, service)
        except (UpstreamBroken, TimeoutError) as exc:
            if self._client.has_answer:
                raise
            late = isinstance(exc, TimeoutError)
            answer = _TOO_LATE if late else target.broken(head)
            await self._answer_with(answer, head)
            return
        if upgraded:
            await splice(
                (self._client.reader, self._client.writer),
                (service.reader, service.writer),
            )

    async def _converse(
        self, head: RequestHead, target: Upstream, service: Service
    ) -> bool:
        """Send the request and the answer; True when the protocol was switched."""
        try:
            async with asyncio.TaskGroup() as pumps:
                upload = pumps.create_task(self._upload(head, target, service))
                upgraded = await self._download(head, target, service)
                upload.cancel()
        except BaseExceptionGroup as group:
            # The first to fail ended the other; what it said is what happened.
            raise group.exceptions[0] from None
        return upgraded

    def _request_headers(self, head: RequestHead, target: Upstream) -> Headers:
        framing = [
            (name, value)
            for name in (b"content-length", b"transfer-encoding")
            for value in values_of(head.headers, name)
        ]
        headers = without(end_to_end(head.headers), b"expect", b"content-length")
        hosts = values_of(head.headers, b"host")
        host = hosts[0] if hosts else b"localhost"
        if target.forwarded:
            headers = forwarded(
                headers,
                peer=head.peer,
                scheme=head.scheme,
                host=host,
                trusted=self._trusted,
            )
        else:
            headers = without_forwarded(headers)
        if not hosts:
            headers = [(b"Host", host), *headers]
        headers = target.request_headers(headers)
        return [*headers, *framing, *(_UPGRADE if head.is_websocket else _CLOSE)]

    async def _upload(
        self, head: RequestHead, target: Upstream, service: Service
    ) -> None:
        """Pass on the request, then watch for the client's end.

        Raises:
            ClientGone: So that the service is not kept busy for nobody.
            Refused: The body is malformed.

        """
        try:
            headers = self._request_headers(head, target)
            await service.send_head(head.method, head.target, headers)
            async for data in self._client.body():
                await service.send_data(data)
                self._touch()
            await service.send_end()
        except OSError:
            # The service closed its end; it may have answered before the whole body.
            return
        if not head.is_websocket:  # there what comes now belongs to the splice
            await self._client.until_gone()

    async def _download(
        self, head: RequestHead, target: Upstream, service: Service
    ) -> bool:
        while True:
            event = await service.receive()
            self._touch()
            match event:
                case h11.InformationalResponse():
                    if await self._inform(event, head, target, service):
                        return True
                case h11.Response():
                    await self._answer(event, target)
                case h11.Data():
                    await self._client.send_data(bytes(event.data))
                    self._touch()
                case _:
                    await self._client.send_end()
                    return False

    async def _inform(
        self,
        event: h11.InformationalResponse,
        head: RequestHead,
        target: Upstream,
        service: Service,
    ) -> bool:
        """Pass on a switch of protocols; other 1xx are between the service and us."""
        if event.status_code != _SWITCHING:
            return False
        if not head.is_websocket:
            raise UpstreamBroken("it switched to a protocol nobody asked for")
        headers = target.answer_headers(end_to_end(event.headers.raw_items()))
        await self._client.send_informational(_SWITCHING, [*headers, *_UPGRADE])
        self._client.writer.write(service.leftover())
        service.writer.write(self._client.leftover())
        return True

    async def _answer(self, event: h11.Response, target: Upstream) -> None:
        headers: Headers = event.headers.raw_items()
        if _is_of_events(headers):
            watch(self._client.writer)
            self._wait_for_ever()
        lengths = [
            (b"Content-Length", value)
            for value in values_of(headers, b"content-length")
            if not values_of(headers, b"transfer-encoding")
        ]
        headers = target.answer_headers(without(end_to_end(headers), b"content-length"))
        await self._client.send_head(
            event.status_code, event.reason, [*headers, *lengths]
        )

    def _wait_for_ever(self) -> None:
        """End the idle limit: there may be nothing to tell for hours."""
        if self._idle is not None:
            self._idle.reschedule(None)
            self._idle = None

    def _touch(self) -> None:
        """Start the idle limit anew."""
        if self._idle is not None:
            now = asyncio.get_running_loop().time()
            self._idle.reschedule(now + self._limits.idle_s)


def _is_of_events(headers: Headers) -> bool:
    """Tell whether an answer is one that goes on as long as somebody listens."""
    kinds = values_of(headers, b"content-type")
    return any(kind.lower().startswith(_EVENTS) for kind in kinds)
