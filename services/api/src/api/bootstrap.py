"""Composition root: the one module that names adapters."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

import asyncpg
from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from api.adapters import database
from api.adapters.answered import PostgresAnswers
from api.adapters.archives.packing import FileArchives
from api.adapters.archives.repositories import HttpRepositories
from api.adapters.archives.unpacker import ProcessUnpacker
from api.adapters.bus.agent import BusAgent
from api.adapters.bus.sandbox import BusApps
from api.adapters.delivery.queue import PostgresDeliveryQueue
from api.adapters.delivery.webhooks import PostgresWebhooks
from api.adapters.identity.accounts import PostgresAccounts
from api.adapters.identity.administration import PostgresAdministration
from api.adapters.identity.openid import Client, OpenIdIssuer
from api.adapters.identity.passwords import Argon2Passwords
from api.adapters.identity.tokens import PostgresTokens
from api.adapters.outbound import Outbound, open_outbound
from api.adapters.page_files import FolderPageFiles
from api.adapters.projects.grants import PostgresGrantSource
from api.adapters.projects.sealing import AesSeal
from api.adapters.projects.store import PostgresProjectStore
from api.adapters.projects.turns import PostgresTurns
from api.adapters.projects.usage import PostgresUsageViews
from api.adapters.projects.vault import PostgresVault
from api.adapters.projects.views import PostgresProjectViews
from api.application.catch_up import CatchUp
from api.application.delivery.delivering import Courier
from api.application.delivery.events import Events
from api.application.delivery.forwarding import ProgressForwarder, Telling
from api.application.identity.accounts import Identity, SignInLimits
from api.application.identity.administration import People
from api.application.identity.admission import Admissions
from api.application.identity.api_tokens import ApiTokens
from api.application.identity.external import ExternalSignIn
from api.application.identity.socket_tokens import SocketTokens
from api.application.once import Once
from api.application.projects.commands import Projects
from api.application.projects.exporting import Exports
from api.application.projects.importing import Imports
from api.application.projects.settings import SettingsOfProjects
from api.application.projects.variables import VariablesOfApps
from api.application.rate_limit import RateLimit
from api.domain.keys import derived_key
from api.entrypoints.bus.projector import run_forwarder, run_projector
from api.entrypoints.bus.sessions import Endings, serve_sessions
from api.entrypoints.bus.variables import serve_variables
from api.entrypoints.http import errors
from api.entrypoints.http.body_memory import BodyMemory
from api.entrypoints.http.door import Door
from api.entrypoints.http.idempotency import AnswerOnce
from api.entrypoints.http.security import Security
from api.entrypoints.identity.administration import administration_routes
from api.entrypoints.identity.email import auth_routes
from api.entrypoints.identity.openid import CALLBACK, openid_routes
from api.entrypoints.identity.sessions import session_routes
from api.entrypoints.identity.tokens import token_routes
from api.entrypoints.pages.client import PublicConfig, page_routes
from api.entrypoints.pages.docs import docs_routes
from api.entrypoints.projects.events import event_routes
from api.entrypoints.projects.exporting import export_routes
from api.entrypoints.projects.files import file_routes
from api.entrypoints.projects.grants import grant_routes
from api.entrypoints.projects.importing import import_routes
from api.entrypoints.projects.limits import limit_routes
from api.entrypoints.projects.models import model_routes
from api.entrypoints.projects.openings import opening_routes
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import project_routes
from api.entrypoints.projects.screenshots import screenshot_routes
from api.entrypoints.projects.settings import settings_routes
from api.entrypoints.projects.socket_tokens import socket_token_routes
from api.entrypoints.projects.usage import usage_routes
from api.entrypoints.projects.variables import variable_routes
from api.entrypoints.projects.webhooks import webhook_routes
from api.ports import Agent, Apps, ProjectViews, Seal, UsageViews, Webhooks
from api.settings import Settings
from chassis import logs
from chassis.health import health_routes
from chassis.process import serve
from eventcore.adapters.feed import JetStreamFeed
from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.projection import Projection

USER = "api"
"""The NATS user whose permissions are in ``contracts.subjects``."""

_log = logs.get(__name__)


class World(Struct, frozen=True):
    """What was opened, and is closed by whoever did."""

    pool: asyncpg.Pool
    bus: NatsBus
    web: Outbound
    passwords: Argon2Passwords
    stopping: asyncio.Event


class Parts(Struct, frozen=True):
    """What the routes are made of."""

    identity: Identity
    admissions: Admissions
    people: People
    tokens: ApiTokens
    socket_tokens: SocketTokens
    external: ExternalSignIn | None
    projects: Projects
    creations: RateLimit
    views: ProjectViews
    usage: UsageViews
    agent: Agent
    apps: Apps
    settings: SettingsOfProjects
    variables: VariablesOfApps
    exports: Exports
    imports: Imports
    events: Events
    webhooks: Webhooks
    once: Once
    once_key: bytes
    seal: Seal


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Serve requests and project events until *stopping* is set."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(_pool(settings.database_url))
        bus = await stack.enter_async_context(open_bus(settings.nats_url, user=USER))
        web = await stack.enter_async_context(
            open_outbound(allow_private=settings.webhooks_to_private_addresses)
        )
        passwords = Argon2Passwords()
        stack.callback(passwords.close)
        store, agent = PostgresProjectStore(pool), BusAgent(bus)
        catch_up = CatchUp(store, agent)
        world = World(pool, bus, web, passwords, stopping)
        parts = _parts(settings, world, catch_up)
        await serve_sessions(bus, parts.identity, parts.socket_tokens)
        await serve_variables(bus, parts.variables)

        async def check_database() -> None:
            await database.check(pool)

        async def tell_isolation() -> str | None:
            told = await parts.apps.isolation()
            return None if told is None else f"apps are run by {told.summary}"

        checks = {"database": check_database, "nats": bus.check}
        health = health_routes(checks, stopping=stopping, about=tell_isolation)
        app = application(settings, parts, health)
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(_projector(settings, shard, bus, pool, catch_up))
                for shard in range(settings.shards)
            ]
            background += [
                tasks.create_task(_forwarder(settings, bus, pool)),
                tasks.create_task(
                    Courier(
                        PostgresDeliveryQueue(pool), web, parts.seal, time.time
                    ).run()
                ),
            ]
            await serve(
                Door(app, public_url=settings.public_url),
                host=settings.http_host,
                port=settings.http_port,
                stopping=stopping,
            )
            for task in background:
                task.cancel()


def application(
    settings: Settings, parts: Parts, health: Sequence[HTTPRouteHandler]
) -> Litestar:
    """Return all routes; errors leave every one of them as one plain sentence."""
    security = Security(
        parts.identity,
        parts.tokens,
        public_url=settings.public_url,
        trusted_proxies=settings.trusted_proxies,
    )
    config = PublicConfig(
        name="Atelier",
        version=version("api"),
        demo_model=settings.demo_model,
        public_url=settings.public_url,
        preview_domain=settings.preview_domain,
        sign_in_elsewhere=settings.oidc_name if settings.has_issuer else None,
    )
    return Litestar(
        [
            *_identity_routes(security, parts),
            *_project_routes(security, parts),
            *docs_routes(config.version, config.public_url),
            *page_routes(FolderPageFiles(settings.static_dir), config, parts.apps),
            *health,
        ],
        middleware=[
            BodyMemory(settings.body_memory_bytes, security),
            AnswerOnce(parts.once, security, parts.once_key),
        ],
        exception_handlers={Exception: errors.plain},
        openapi_config=None,
        logging_config=None,  # ours is there already
    )


def _identity_routes(security: Security, parts: Parts) -> list[Router]:
    return [
        auth_routes(security, parts.identity),
        session_routes(security, parts.identity),
        openid_routes(security, parts.external),
        token_routes(security, parts.tokens),
        administration_routes(security, parts.admissions, parts.people),
    ]


def _project_routes(security: Security, parts: Parts) -> list[Router]:
    projects, views = parts.projects, parts.views
    own = OwnProjects(security, views)
    return [
        project_routes(security, projects, views, parts.creations),
        *file_routes(security, projects, views),
        settings_routes(security, parts.settings),
        variable_routes(security, own, parts.variables),
        export_routes(own, parts.exports),
        import_routes(own, parts.imports),
        screenshot_routes(own, parts.apps),
        opening_routes(own, parts.apps),
        model_routes(security, parts.agent),
        *limit_routes(security, parts.agent),
        *usage_routes(security, own, parts.usage),
        event_routes(security, own, parts.events),
        socket_token_routes(own, parts.socket_tokens),
        webhook_routes(security, own, parts.webhooks, parts.seal),
        grant_routes(own, projects, views),
    ]


def _parts(settings: Settings, world: World, catch_up: CatchUp) -> Parts:
    pool, bus = world.pool, world.bus
    secret = _secret(settings)
    accounts, views = PostgresAccounts(pool), PostgresProjectViews(pool)
    agent = BusAgent(bus)
    projects = Projects(agent, views, catch_up)
    settings_of_projects = SettingsOfProjects(agent, projects)
    administration = PostgresAdministration(pool)
    admissions = Admissions(administration, settings.sign_up)
    endings = Endings(bus, time.monotonic)
    bus.on_reconnect(endings.tell_again)
    ended = endings.tell
    identity = Identity(accounts, world.passwords, _limits(settings), admissions, ended)
    seal = AesSeal(derived_key(secret, "seal"))
    external: ExternalSignIn | None = None
    if settings.has_issuer:
        external = ExternalSignIn(
            OpenIdIssuer(_client(settings), world.web, time.monotonic),
            *(identity, accounts, admissions, seal),
            redirect_uri=settings.public_url.rstrip("/") + CALLBACK,
            clock=time.time,
        )
    return Parts(
        identity=identity,
        admissions=admissions,
        people=People(administration, ended),
        tokens=ApiTokens(PostgresTokens(pool), ended),
        socket_tokens=SocketTokens(
            derived_key(secret, "socket token"), accounts, time.time
        ),
        external=external,
        projects=projects,
        creations=RateLimit(settings.projects_per_minute, time.monotonic),
        views=views,
        usage=PostgresUsageViews(pool),
        agent=agent,
        apps=BusApps(bus),
        settings=settings_of_projects,
        exports=Exports(agent, views, FileArchives()),
        imports=_imports(settings, world.web, projects),
        variables=VariablesOfApps(PostgresVault(pool), seal, settings_of_projects),
        events=Events(agent, bus, world.stopping),
        webhooks=PostgresWebhooks(pool),
        once=Once(PostgresAnswers(pool), seal),
        once_key=derived_key(secret, "once"),
        seal=seal,
    )


def _imports(settings: Settings, web: Outbound, projects: Projects) -> Imports:
    allowed = settings.imports_from_private_addresses
    return Imports(
        ProcessUnpacker(),
        HttpRepositories(web.allowing_private(allowed=allowed)),
        projects,
        RateLimit(settings.imports_per_minute, time.monotonic),
    )


async def _projector(
    settings: Settings, shard: int, bus: NatsBus, pool: asyncpg.Pool, catch_up: CatchUp
) -> None:
    store, grants = PostgresProjectStore(pool), PostgresGrantSource(pool)
    telling = Telling(store, grants, bus)
    projection = Projection(shard, JetStreamFeed(bus), telling, catch_up.page)
    turns = PostgresTurns(settings.database_url)
    await run_projector(shard, turns, projection, telling, catch_up)


async def _forwarder(settings: Settings, bus: NatsBus, pool: asyncpg.Pool) -> None:
    turns = PostgresTurns(settings.database_url)
    await run_forwarder(turns, ProgressForwarder(PostgresGrantSource(pool), bus))


def _secret(settings: Settings) -> str:
    if not settings.secret_key:
        _log.warning("SECRET_KEY is not set: this process uses one of its own")
    return settings.secret_key or secrets.token_urlsafe(32)


def _client(settings: Settings) -> Client:
    return Client(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret
    )


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
