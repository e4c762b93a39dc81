"""Composition root: the one module that names adapters."""

import asyncio

from litestar import Litestar

from chassis.health import health_routes
from chassis.process import serve
from eventcore.adapters.nats import open_bus
from gateway_ws.adapters.services import BusProjects, BusSessions
from gateway_ws.application.fan_out import FanOut
from gateway_ws.domain.inbound import MAX_FRAME_BYTES
from gateway_ws.entrypoints.websocket import Doors, socket_route
from gateway_ws.settings import Settings

USER = "gateway"
"""The NATS user whose permissions are in ``contracts.subjects``."""
PING_S = 20.0

_SERVER = {
    "ws": "websockets-sansio",
    "ws_max_size": MAX_FRAME_BYTES,
    "ws_ping_interval": PING_S,
    "ws_ping_timeout": PING_S,
    "ws_per_message_deflate": False,  # halves throughput and costs memory per socket
}


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Serve sockets until *stopping* is set."""
    async with (
        open_bus(settings.nats_url, user=USER) as bus,
        asyncio.TaskGroup() as tasks,
    ):
        projects = BusProjects(bus)
        fan_out = FanOut(bus, projects, tasks)
        bus.on_reconnect(fan_out.recheck)
        doors = Doors(
            projects=projects,
            sessions=BusSessions(bus),
            fan_out=fan_out,
            public_url=settings.public_url,
            stopping=stopping,
        )
        app = Litestar(
            [
                socket_route(doors),
                *health_routes({"nats": bus.check}, stopping=stopping),
            ],
            openapi_config=None,
        )
        await serve(
            app,
            host=settings.http_host,
            port=settings.http_port,
            stopping=stopping,
            options=_SERVER,
        )
