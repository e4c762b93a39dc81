"""Composition root: the one module that names adapters."""

import asyncio
import os
import platform
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial

from agent.adapters.clock import now
from agent.adapters.ids import random_id
from agent.adapters.ledger import PostgresLedger
from agent.adapters.measured import MeasuredModel
from agent.adapters.openrouter import Limits, OpenRouter, open_model
from agent.adapters.sandbox_bus import BusSandbox
from agent.application import metrics
from agent.application.commands import Commands
from agent.application.driver import drive
from agent.application.limits import HouseLimits
from agent.application.models import ModelList
from agent.application.operating import SandboxLimits
from agent.application.queries import Queries
from agent.application.world import DriverSettings, World
from agent.domain.project import PROJECT
from agent.domain.state import FOLD, Project
from agent.entrypoints.bus import Buses, serving
from agent.entrypoints.shares import Share
from agent.entrypoints.worker import Worker
from agent.settings import Settings
from chassis.health import health_app
from chassis.process import serve
from contracts import codec, subjects
from contracts.requests import SpendLimits
from eventcore.adapters.database import create_pool
from eventcore.adapters.eraser import Eraser
from eventcore.adapters.jetstream import StreamSettings
from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.adapters.postgres import PostgresStore, open_store
from eventcore.adapters.relay import Relay, RelayStatus
from eventcore.execute import Executor, StateCodec

_LEDGER_CONNECTIONS = 2
_SERVICE_AT_ONCE = 2
"""Half of the log's connections, so that one service outside leaves the rest."""
_SERVICE_WAITING = 14
"""Together a quarter of what the bus has handled at a time."""
USER = "agent"
"""The NATS user whose permissions are in ``contracts.subjects``."""


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Answer, drive and relay until *stopping* is set."""
    async with AsyncExitStack() as stack:
        bus, outside = await _buses(settings, stack)
        store = await stack.enter_async_context(
            open_store(
                settings.database_url,
                shards=settings.shards,
                committed=lambda shard: bus.publish(subjects.poke(shard), b""),
            )
        )
        model = await stack.enter_async_context(_model(settings))
        world = await _world(settings, stack, store, bus, model)
        projects = world.projects
        worker = _worker(settings, world, store, bus)
        models = ModelList(model.catalog, settings.design_models, settings.write_models)
        commands, queries = Commands(projects, bus), Queries(projects, store)
        share = _share(settings)
        buses = Buses(own=bus, outside=outside)
        doors = serving(buses, commands, queries, models, world.limits, share)
        await stack.enter_async_context(doors)
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(projects.keep_snapshots())]
            relays = [_relay(settings, shard) for shard in range(settings.shards)]
            background += [tasks.create_task(relay.run()) for relay in relays]
            background.append(tasks.create_task(_eraser(settings, bus).run()))
            metrics.DRIVEN.set_function(lambda: worker.driving)
            work = tasks.create_task(worker.run(stopping))
            await _serve_health(settings, store, bus, stopping)
            await work
            for task in background:
                task.cancel()


async def _world(
    settings: Settings,
    stack: AsyncExitStack,
    store: PostgresStore,
    bus: NatsBus,
    model: OpenRouter,
) -> World:
    pool = await create_pool(settings.database_url, _LEDGER_CONNECTIONS)
    stack.push_async_callback(pool.close)
    ledger = PostgresLedger(pool, settings.model_whole_s)
    projects = Executor(
        store,
        PROJECT,
        codec.decode_stored,
        snapshots=store,
        states=StateCodec(Project, fold=FOLD),
        hot_states=settings.hot_projects,
    )
    return World(
        projects=projects,
        leases=store,
        bus=bus,
        model=MeasuredModel(model),
        sandbox=BusSandbox(bus),
        catalog=model.catalog,
        ledger=ledger,
        limits=HouseLimits(ledger, _fixed(settings)),
        new_id=random_id,
        now=now,
    )


def _model(settings: Settings) -> AbstractAsyncContextManager[OpenRouter]:
    return open_model(
        settings.openrouter_base_url,
        settings.openrouter_api_key or None,
        _limits(settings),
        stream_plans=settings.model_streams_plans,
    )


def _relay(settings: Settings, shard: int) -> Relay:
    relay = Relay(
        settings.database_url,
        settings.nats_url,
        user=USER,
        shard=shard,
        settings=StreamSettings(replicas=settings.stream_replicas),
    )
    _show(relay.status, shard)
    return relay


def _eraser(settings: Settings, bus: NatsBus) -> Eraser:
    return Eraser(
        settings.database_url,
        settings.erase_after_s,
        lambda shard: bus.publish(subjects.poke(shard), b""),
    )


def _worker(
    settings: Settings, world: World, store: PostgresStore, bus: NatsBus
) -> Worker:
    driver_settings = DriverSettings(
        owner=f"{platform.node()}:{os.getpid()}",
        design_models=settings.design_models,
        write_models=settings.write_models,
        lease_ttl_s=settings.lease_ttl_s,
        pause_s=settings.model_pause_s,
        longest_wait_s=settings.model_longest_wait_s,
        sandbox=SandboxLimits(away_s=settings.sandbox_away_s),
    )
    metrics.SLOTS.set(settings.max_runs)
    return Worker(
        store,
        bus,
        partial(drive, world=world, settings=driver_settings),
        max_runs=settings.max_runs,
        scan_s=settings.scan_s,
    )


async def _buses(settings: Settings, stack: AsyncExitStack) -> tuple[NatsBus, NatsBus]:
    """Return connections for our own services and others, which *stack* closes."""
    url = settings.nats_url
    own = await stack.enter_async_context(open_bus(url, user=USER))
    name = f"{USER}-outside"
    outside = await stack.enter_async_context(open_bus(url, user=USER, name=name))
    return own, outside


def _fixed(settings: Settings) -> SpendLimits:
    return SpendLimits(
        run_usd=settings.max_run_cost_usd or None,
        project_usd=settings.max_project_cost_usd or None,
        run_tokens=settings.max_run_tokens or None,
        user_day_usd=settings.max_user_day_cost_usd or None,
        day_usd=settings.max_day_cost_usd or None,
    )


def _share(settings: Settings) -> Share:
    return Share(
        per_s=settings.service_per_s,
        burst=settings.service_burst,
        at_once=_SERVICE_AT_ONCE,
        waiting=_SERVICE_WAITING,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        connect_s=settings.model_connect_s,
        first_byte_s=settings.model_first_byte_s,
        first_token_s=settings.model_first_token_s,
        silence_s=settings.model_silence_s,
        whole_s=settings.model_whole_s,
    )


def _show(status: RelayStatus, shard: int) -> None:
    """Have /metrics tell what a relay does."""
    name = str(shard)
    metrics.RELAY_LEADS.labels(name).set_function(lambda: status.is_leader)
    metrics.RELAY_LAG.labels(name).set_function(lambda: status.oldest_waiting_s)
    metrics.RELAY_POSITION.labels(name).set_function(lambda: status.position)


async def _serve_health(
    settings: Settings, store: PostgresStore, bus: NatsBus, stopping: asyncio.Event
) -> None:
    async def check_database() -> None:
        await store.open_work(1)

    await serve(
        health_app({"database": check_database, "nats": bus.check}, stopping=stopping),
        host=settings.http_host,
        port=settings.http_port,
        stopping=stopping,
    )
