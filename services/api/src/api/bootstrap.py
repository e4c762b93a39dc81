"""Composition root: the one module that names adapters."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

import asyncpg
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from api.adapters import database
from api.adapters.agent import BusAgent
from api.adapters.identity import PostgresAccounts
from api.adapters.page_files import FolderPageFiles
from api.adapters.passwords import Argon2Passwords
from api.adapters.project_store import PostgresProjectStore
from api.adapters.project_views import PostgresProjectViews
from api.adapters.turns import PostgresTurns
from api.application.accounts import Identity, SignInLimits
from api.application.catch_up import CatchUp
from api.application.projects import Projects
from api.application.rate_limit import RateLimit
from api.entrypoints import errors
from api.entrypoints.auth import auth_routes
from api.entrypoints.door import Door
from api.entrypoints.files import file_routes
from api.entrypoints.page import PublicConfig, page_routes
from api.entrypoints.projector import run_projector
from api.entrypoints.projects import project_routes
from api.entrypoints.security import Security
from api.entrypoints.sessions import serve_sessions
from api.ports import ProjectViews
from api.settings import Settings
from chassis.health import health_routes
from chassis.process import serve
from eventcore.adapters.feed import JetStreamFeed
from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.projection import Projection

USER = "api"
"""The NATS user whose permissions are in ``contracts.subjects``."""


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Serve requests and project events until *stopping* is set."""
    async with (
        _pool(settings.database_url) as pool,
        open_bus(settings.nats_url, user=USER) as bus,
    ):
        passwords = Argon2Passwords()
        identity = Identity(PostgresAccounts(pool), passwords, _limits(settings))
        await serve_sessions(bus, identity)
        store, agent = PostgresProjectStore(pool), BusAgent(bus)
        catch_up = CatchUp(store, agent)
        views = PostgresProjectViews(pool)
        projects = Projects(agent, views, catch_up)

        async def check_database() -> None:
            await database.check(pool)

        app = application(
            *(settings, identity, projects, views),
            health_routes(
                {"database": check_database, "nats": bus.check}, stopping=stopping
            ),
        )
        async with asyncio.TaskGroup() as tasks:
            projectors = [
                tasks.create_task(_projector(settings, shard, bus, store, catch_up))
                for shard in range(settings.shards)
            ]
            await serve(
                Door(app, public_url=settings.public_url),
                host=settings.http_host,
                port=settings.http_port,
                stopping=stopping,
            )
            for projector in projectors:
                projector.cancel()
        passwords.close()


def application(
    settings: Settings,
    identity: Identity,
    projects: Projects,
    views: ProjectViews,
    health: Sequence[HTTPRouteHandler],
) -> Litestar:
    """Return all routes; errors leave every one of them as one plain sentence."""
    security = Security(
        identity,
        public_url=settings.public_url,
        trusted_proxies=frozenset(settings.trusted_proxies),
    )
    config = PublicConfig(
        name="Atelier",
        version=version("api"),
        demo_model=settings.demo_model,
        public_url=settings.public_url,
        preview_domain=settings.preview_domain,
    )
    return Litestar(
        [
            project_routes(security, projects, views),
            file_routes(security, projects, views),
            auth_routes(security, identity),
            *page_routes(FolderPageFiles(settings.static_dir), config),
            *health,
        ],
        exception_handlers={Exception: errors.plain},
        openapi_config=None,
        logging_config=None,  # ours is there already
    )


async def _projector(
    settings: Settings,
    shard: int,
    bus: NatsBus,
    store: PostgresProjectStore,
    catch_up: CatchUp,
) -> None:
    projection = Projection(shard, JetStreamFeed(bus), store, catch_up.page)
    turns = PostgresTurns(settings.database_url)
    await run_projector(shard, turns, projection, catch_up)


def _limits(settings: Settings) -> SignInLimits:
    return SignInLimits(
        account=RateLimit(settings.sign_in_failures_per_minute, time.monotonic),
        address=RateLimit(settings.address_failures_per_minute, time.monotonic),
        sign_up=RateLimit(settings.sign_ups_per_minute, time.monotonic),
    )


@asynccontextmanager
async def _pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await database.create_pool(dsn)
    try:
        yield pool
    finally:
        await pool.close()
