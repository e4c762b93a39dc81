"""The door: accept, count, and see every exchange to its end."""

import asyncio
import socket
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from proxy.exchange import Exchange
from proxy.routing import Limits, Route

_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 22\r\n\r\nToo many connections.\n"
)


async def serve(
    listener: socket.socket,
    route: Route,
    *,
    stopping: asyncio.Event,
    limits: Limits | None = None,
    trusted_peers: Collection[str] = (),
    scheme: str = "http",
) -> None:
    """Answer on *listener* until *stopping* is set, then finish what is under way.

    *route* is asked once for each request. *trusted_peers* are the addresses of proxies
    in front of us, whose word on who asked is passed on.
    """
    door = _Door(route, limits or Limits(), frozenset(trusted_peers), scheme)
    server = await asyncio.start_server(door.admit, sock=listener, backlog=1024)
    try:
        await stopping.wait()
    finally:
        server.close()
        await door.drain()


@dataclass(slots=True)
class _Door:
    route: Route
    limits: Limits
    trusted_peers: frozenset[str]
    scheme: str
    under_way: dict["asyncio.Task[object]", Exchange] = field(default_factory=dict)
    peers: Counter[str] = field(default_factory=Counter)

    async def admit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Run one connection; the task is the stream server's."""
        peer = _address(writer)
        if self._is_full(peer):
            writer.write(_REFUSAL)
            writer.close()
            return
        exchange = Exchange(
            reader,
            writer,
            self.route,
            self.limits,
            peer=peer,
            trusted=peer in self.trusted_peers,
            scheme=self.scheme,
        )
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream server runs its callback in a task")
        self.under_way[task] = exchange
        self.peers[peer] += 1
        try:
            await exchange.run()
        except asyncio.CancelledError:
            # Only drain() cancels; the stream server would call it an error.
            exchange.abort()
        except Exception as exc:  # noqa: BLE001 - a bug must not be silent
            # Nobody waits for this task, so nobody else would tell.
            asyncio.get_running_loop().call_exception_handler(
                {"message": "failed to handle a request", "exception": exc}
            )
        finally:
            del self.under_way[task]
            self.peers[peer] -= 1
            if not self.peers[peer]:
                del self.peers[peer]

    async def drain(self) -> None:
        """Wait for what is under way, then cut off the rest."""
        for task, exchange in self.under_way.items():
            if exchange.is_waiting:
                task.cancel()
        if self.under_way:
            await asyncio.wait(self.under_way, timeout=self.limits.drain_s)
        for task in self.under_way:
            task.cancel()
        if self.under_way:
            await asyncio.wait(self.under_way)

    def _is_full(self, peer: str) -> bool:
        return (
            len(self.under_way) >= self.limits.connections
            or self.peers[peer] >= self.limits.connections_of_a_peer
        )


def _address(writer: asyncio.StreamWriter) -> str:
    name = writer.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else "unix"
