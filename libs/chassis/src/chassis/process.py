"""The life of a service process: start, serve, drain, end with an exit code.

    async def main(stopping: asyncio.Event) -> None:
        settings = read(Settings)
        async with connect(settings) as app, asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(app.http, port=..., stopping=stopping))
            tasks.create_task(app.relay(stopping))

    sys.exit(run("agent", main))

The first SIGTERM or SIGINT sets *stopping*: whoever runs for long looks at it, finishes
its step and returns. After 10 s, or at a second signal, the process ends all the same.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop
from litestar.types import ASGIApp
from typing_extensions import override

from chassis import logs, tracing
from chassis.patience import PatientHttp
from chassis.settings import SettingsError

DRAIN_S = 10.0
"""Seconds between the first signal and the end."""

_REQUESTS_DRAIN_S = 8
_CANCEL_GRACE_S = 1.0
_BACKLOG = 2048

_UVICORN: dict[str, Any] = {
    "http": PatientHttp,
    "ws": "none",
    "access_log": False,
    "log_config": None,  # its lines go through our logs
    "server_header": False,
    "proxy_headers": False,  # the service knows whom to believe
    "timeout_graceful_shutdown": _REQUESTS_DRAIN_S,
}

Main = Callable[[asyncio.Event], Awaitable[None]]
"""What a service does until the event is set."""


class CannotListen(Exception):
    """The port is not to be had; one sentence says which."""


_FOR_A_PERSON = (SettingsError, CannotListen)


def run(service: str, main: Main) -> int:
    """Run *main* until it returns or a signal ends it; return the exit code.

    0 after a clean end, also one that a signal asked for; 1 after a crash, a bad
    setting, or a drain that took too long. A second signal ends at once, with 1.
    """
    logs.configure(service, os.environ.get("LOG_LEVEL") or "INFO")
    tracing.setup(service)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_live(main))
    finally:
        tracing.shutdown()


async def _live(main: Main) -> int:
    log = logs.get(__name__)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(_outcome(main, stopping))
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, _on_signal, stopping)
        watch = tasks.create_task(_end_after_drain(work, stopping))
        code = await work
        watch.cancel()
    log.info("stopped", exit_code=code)
    return code


def _on_signal(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        os._exit(1)
    stopping.set()


async def _outcome(main: Main, stopping: asyncio.Event) -> int:
    """Run *main* and tell what became of it, in words that fit who has to act."""
    log = logs.get(__name__)
    try:
        await main(stopping)
    except asyncio.CancelledError:  # the time to drain is over
        return 1
    except Exception as exc:
        causes = list(_leaves(exc))
        if all(isinstance(cause, _FOR_A_PERSON) for cause in causes):
            for cause in causes:
                log.error(str(cause))  # noqa: TRY400 - a sentence needs no traceback
        else:
            log.exception("crashed")
        return 1
    return 0


def _leaves(exception: BaseException) -> Iterator[BaseException]:
    if isinstance(exception, BaseExceptionGroup):
        for inner in exception.exceptions:
            yield from _leaves(inner)
    else:
        yield exception


async def _end_after_drain(work: "asyncio.Task[int]", stopping: asyncio.Event) -> None:
    await stopping.wait()
    logs.get(__name__).info("stopping")
    await asyncio.sleep(DRAIN_S - _CANCEL_GRACE_S)
    logs.get(__name__).error("still busy after the time to drain, ending now")
    work.cancel()
    await asyncio.sleep(_CANCEL_GRACE_S)
    sys.stdout.flush()
    os._exit(1)


async def serve(
    app: ASGIApp,
    *,
    port: int,
    stopping: asyncio.Event,
    host: str = "127.0.0.1",
    options: Mapping[str, Any] | None = None,
    max_unsent_bytes: int | None = None,
) -> None:
    """Serve *app* until *stopping* is set, then finish the requests in flight.

    There are no WebSockets unless *options*, further settings of uvicorn, have `ws`.
    *max_unsent_bytes* bounds what the kernel keeps of a connection whose other end does
    not read; without it that may be megabytes.

    Raises:
        CannotListen: Somebody else has the port.

    """
    listener = _listen(host, port)
    if max_unsent_bytes is not None:  # connections inherit it
        listener.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, max_unsent_bytes
        )
    server = _Server(uvicorn.Config(app, **{**_UVICORN, **(options or {})}))
    with listener:  # uvicorn closes it, but not where it ends before it has begun
        await _serve(server, listener, stopping)
    if not server.started:
        raise RuntimeError("the application did not start; see above")


async def _serve(
    server: uvicorn.Server, listener: socket.socket, stopping: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_stop_with(server, stopping))
        await server.serve(sockets=[listener])
        stopping.set()  # it ended by itself: so does the process


async def _stop_with(server: uvicorn.Server, stopping: asyncio.Event) -> None:
    await stopping.wait()
    server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as exc:
        raise CannotListen(f"Cannot listen on {host}:{port}: {exc.strerror}.") from exc
    return listener


class _Server(uvicorn.Server):
    """uvicorn, but signals belong to the process and not to its web server."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
