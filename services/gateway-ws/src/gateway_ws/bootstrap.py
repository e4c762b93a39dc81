"""Composition root: the one module that names adapters."""

import asyncio
from functools import partial

from litestar import Litestar

from chassis.health import health_routes
from chassis.process import serve
from contracts import subjects
from eventcore.adapters.nats import open_bus
from gateway_ws.adapters.hearing import BusHearing
from gateway_ws.adapters.services import BusProjects, BusSessions
from gateway_ws.application.fan_out import FanOut
from gateway_ws.application.register import Limits, Register
from gateway_ws.domain.inbound import MAX_FRAME_BYTES
from gateway_ws.entrypoints.socket import Backlog, Patience, PatientHttp, Socket
from gateway_ws.entrypoints.websocket import Doors, socket_route
from gateway_ws.settings import Settings

USER = "gateway"
"""The NATS user whose permissions are in ``contracts.subjects``."""


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Serve sockets until *stopping* is set."""
    async with (
        open_bus(settings.nats_url, user=USER) as bus,
        asyncio.TaskGroup() as tasks,
    ):
        projects, sessions = BusProjects(bus), BusSessions(bus)
        fan_out = FanOut(BusHearing(bus), projects, tasks)
        bus.on_reconnect(fan_out.look_again)
        register = Register(sessions, _limits(settings))
        await bus.listen(
            subjects.AUTH_ENDED,
            lambda subject, _, __: register.session_ended(subjects.user_of(subject)),
        )
        verifying = tasks.create_task(register.verify())
        doors = Doors(
            projects=projects,
            sessions=sessions,
            fan_out=fan_out,
            register=register,
            public_url=settings.public_url,
            handshake_s=settings.handshake_s,
        )
        routes = health_routes({"nats": bus.check}, stopping=stopping)
        await serve(
            Litestar([socket_route(doors), *routes], openapi_config=None),
            host=settings.http_host,
            port=settings.http_port,
            stopping=stopping,
            options=_server(settings),
        )
        verifying.cancel()


def _limits(settings: Settings) -> Limits:
    return Limits(
        per_user=settings.sockets_per_user,
        per_address=settings.sockets_per_address,
        verify_s=settings.verify_s,
        unverified_s=settings.unverified_s,
    )


def _server(settings: Settings) -> dict[str, object]:
    patience = Patience(
        handshake_s=settings.handshake_s,
        ping_s=settings.ping_s,
        pong_s=settings.pong_s,
        stall_s=settings.stall_s,
        drain_s=settings.drain_s,
    )
    backlog = Backlog(settings.backlog_mb << 20)
    return {
        "http": partial(PatientHttp, patience=patience),
        "ws": partial(Socket, patience=patience, backlog=backlog),
        "ws_max_size": MAX_FRAME_BYTES,
        "ws_ping_interval": None,  # the socket itself looks whether its client lives
        "ws_per_message_deflate": False,  # halves throughput, costs memory per socket
    }
