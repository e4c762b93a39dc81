"""Composition root: the one module that names adapters."""

import asyncio
import gc
from functools import partial

from chassis.health import health_app
from chassis.process import serve
from contracts import subjects
from eventcore.adapters.nats import open_bus
from gateway_ws.adapters.asking import ShortRequests
from gateway_ws.adapters.hearing import BusHearing
from gateway_ws.adapters.services import BusProjects, BusSessions
from gateway_ws.adapters.shortcut import short_way
from gateway_ws.application.fan_out import FanOut
from gateway_ws.application.register import Limits, Register
from gateway_ws.entrypoints.http import Door
from gateway_ws.entrypoints.socket import (
    MAX_UNSENT_BYTES,
    Backlog,
    House,
    Patience,
    Socket,
)
from gateway_ws.entrypoints.websocket import Doors, Handshake
from gateway_ws.settings import Settings

USER = "gateway"
"""The NATS user whose permissions are in ``contracts.subjects``."""


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Serve sockets until *stopping* is set."""
    _collect_rarely()
    async with (
        open_bus(settings.nats_url, user=USER) as bus,
        asyncio.TaskGroup() as tasks,
    ):
        way = short_way(bus)
        asking = bus if way is None else await ShortRequests.over(bus, way)
        projects, sessions = BusProjects(asking), BusSessions(asking)
        fan_out = FanOut(BusHearing(bus, way), projects, tasks)
        bus.on_reconnect(fan_out.look_again)
        if way is not None:
            way.around(fan_out.turn.open, fan_out.turn.end)
        register = Register(sessions, _limits(settings))
        bus.on_reconnect(register.look_again)
        await bus.listen(
            subjects.AUTH_ENDED,
            lambda subject, _, __: register.session_ended(subjects.user_of(subject)),
        )
        verifying = tasks.create_task(register.verify())
        handshake = Handshake(
            Doors(
                projects=projects,
                sessions=sessions,
                fan_out=fan_out,
                register=register,
                public_url=settings.public_url,
                handshake_s=settings.handshake_s,
            )
        )
        await serve(
            health_app({"nats": bus.check}, stopping=stopping),
            host=settings.http_host,
            port=settings.http_port,
            stopping=stopping,
            options=_server(settings, handshake),
            max_unsent_bytes=MAX_UNSENT_BYTES,
        )
        verifying.cancel()


def _collect_rarely() -> None:
    """Look for garbage as rarely as so many long-lived objects ask for.

    Nearly all goes by its reference count; of what is there at the start nothing goes.
    With Python's own thresholds a thousand new sockets cost a fifth more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _limits(settings: Settings) -> Limits:
    return Limits(
        per_user=settings.sockets_per_user,
        per_address=settings.sockets_per_address,
        verify_s=settings.verify_s,
        unverified_s=settings.unverified_s,
    )


def _server(settings: Settings, handshake: Handshake) -> dict[str, object]:
    patience = Patience(
        ping_s=settings.ping_s,
        pong_s=settings.pong_s,
        stall_s=settings.stall_s,
        drain_s=settings.drain_s,
    )
    backlog = Backlog(settings.backlog_mb << 20)
    house = House(handshake.greet, patience, backlog)
    return {
        "http": partial(Door, patience_s=settings.handshake_s),
        "ws": partial(Socket, house=house),
    }
