"""`make run`: everything on one machine, from nothing to `Ready`."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from chassis.settings import SettingsError, read
from standalone import web_build
from standalone.errors import CannotStart
from standalone.machine import data_dir, door
from standalone.machine.dotenv import load_dotenv
from standalone.machine.keys import Keys, load_keys
from standalone.machine.node import find_node
from standalone.machine.private_file import make_folder, usable, write_private
from standalone.migrate import MIGRATIONS, migrate
from standalone.ports import free_port
from standalone.servers import database, embedded, nats_users, outside
from standalone.services import Backends, Services
from standalone.settings import Settings
from standalone.supervision.console import Console
from standalone.supervision.crew import Crew, Stage
from standalone.supervision.guardian import end_descendants
from standalone.supervision.probe import is_ready

ROOT = Path(__file__).resolve().parents[4]
"""The checkout."""

_WEB = ROOT / "services" / "web"
_STATIC = ROOT / "services" / "api" / "src" / "api" / "static"
TARGETS = "targets.json"
"""In the data directory: where each service answers /ready and /metrics."""
_NATS_USERS = ("agent", "api", "gateway", "sandbox", "integration")
_DATABASE_ROLES = ("agent", "api")
_ONE_PRESS_S = 0.3
"""One press of Ctrl-C may reach us twice, from the terminal and from who runs us."""


def main() -> int:
    """Start everything, run until a signal comes; return the exit code."""
    console = Console()
    try:
        load_dotenv(Path(".env"))
        settings = read(Settings)
        with ExitStack() as held:
            folder = held.enter_context(data_dir.opened(settings.data_dir))
            sockets = [
                held.enter_context(one)
                for one in door.open_door(settings.host, settings.port)
            ]
            asyncio.run(Standalone(settings, folder, sockets, console).live())
    except (CannotStart, SettingsError) as exc:
        console.say(str(exc))
        return 1
    return 0


def _reason(exc: BaseException) -> CannotStart | None:
    """Return what a person has to know, if that is why *exc* was raised."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc if isinstance(exc, CannotStart) else None


class Standalone:
    """One run, from the first process to the end of the last."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        sockets: list[socket.socket],
        console: Console,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._sockets = sockets
        self._console = console
        self._keys: Keys = load_keys(folder / "secrets.json")
        self._stopping = asyncio.Event()

    async def live(self) -> None:
        """Start, wait for the end, stop.

        Raises:
            CannotStart: After everything that had been started was stopped.

        """
        logs = self._folder / "logs"
        make_folder(logs)
        async with asyncio.TaskGroup() as tasks:
            crew = Crew(tasks, logs, self._console)
            self._handle_signals(crew)
            starting = tasks.create_task(self._start(crew))
            await self._stopping.wait()
            starting.cancel()
            self._console.say("Stopping; once more Ctrl-C to stop at once")
            await crew.stop()
        if not starting.cancelled() and starting.result() is not None:
            raise CannotStart(starting.result())
        self._console.say(f"Stopped. Everything is kept in {self._folder}")

    def _handle_signals(self, crew: Crew) -> None:
        loop = asyncio.get_running_loop()
        asked_at = 0.0

        def ask() -> None:
            nonlocal asked_at
            if not self._stopping.is_set():
                asked_at = loop.time()
                self._stopping.set()
            elif loop.time() - asked_at > _ONE_PRESS_S:
                at_once()

        def at_once() -> None:
            logging.disable()  # asyncio minds that its children are buried by others
            crew.kill()
            end_descendants()
            os._exit(1)

        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(sign, ask)
        loop.add_signal_handler(signal.SIGQUIT, at_once)

    async def _start(self, crew: Crew) -> str | None:
        """Start everybody; return the sentence that says why it is not possible."""
        try:
            await self._start_all(crew)
        except (CannotStart, BaseExceptionGroup) as exc:
            reason = _reason(exc)
            if reason is None:
                raise
            self._stopping.set()
            return str(reason)
        return None

    async def _start_all(self, crew: Crew) -> None:
        await self._try_outside()
        node = await asyncio.to_thread(find_node)
        services = Services(
            self._settings, self._folder, node, colors=self._console.colors
        )
        targets = self._folder / TARGETS
        with usable(targets):
            write_private(targets, services.targets())
        self._warn()
        descriptors = tuple(one.fileno() for one in self._sockets)
        crew.start_service(Stage.SERVICES, services.edge(descriptors))
        if self._settings.with_demo_model:
            self._hint()
            crew.start_service(Stage.TOOLS, services.demo_model())
        async with asyncio.TaskGroup() as tasks:
            refusing = tasks.create_task(crew.refuse_hopeless())
            building = tasks.create_task(
                web_build.build(_WEB, _STATIC, node, self._console)
            )
            backends = await self._start_backends(crew)
            crew.start_service(Stage.TOOLS, services.sandbox(backends))
            crew.start_service(Stage.SERVICES, services.agent(backends))
            crew.start_service(Stage.SERVICES, services.gateway(backends))
            await building  # the api serves what comes of it
            crew.start_service(Stage.SERVICES, services.api(backends))
            await crew.wait_ready()
            refusing.cancel()
        self._console.say(f"Ready: {self._settings.url}")

    async def _try_outside(self) -> None:
        if self._settings.nats_url is not None:
            await outside.reach_nats(self._settings.nats_url)
        if self._settings.database_url is not None:
            await outside.reach_database(self._settings.database_url)

    async def _start_backends(self, crew: Crew) -> Backends:
        async with asyncio.TaskGroup() as tasks:
            nats_urls = tasks.create_task(self._nats(crew))
            database_urls = tasks.create_task(self._database(crew))
        secret = self._settings.secret_key or self._keys.secret_key
        return Backends(nats_urls.result(), database_urls.result(), secret)

    def _warn(self) -> None:
        if self._settings.host not in ("localhost", "127.0.0.1", "::1"):
            self._console.say(
                f"Listening on {self._settings.host}: whoever reaches this machine "
                f"reaches Atelier, and what is sent is not encrypted"
            )

    def _hint(self) -> None:
        if os.environ.get("OPEN_ROUTER_API_KEY"):
            self._console.say(
                "OPEN_ROUTER_API_KEY is not read here: name it OPENROUTER_API_KEY"
            )
        self._console.say(
            "No OPENROUTER_API_KEY: the built-in demo model answers, from apps that "
            "were written for it"
        )

    async def _nats(self, crew: Crew) -> Mapping[str, str]:
        """Return the URL of the bus for each of its users, once it answers."""
        if self._settings.nats_url is not None:
            return dict.fromkeys(_NATS_USERS, self._settings.nats_url)
        passwords = {
            user: str(getattr(self._keys, f"nats_{user}")) for user in _NATS_USERS
        }
        server = embedded.nats(
            self._folder / "nats",
            port=free_port(),
            monitoring_port=free_port(),
            authorization=nats_users.authorization(
                passwords, system_password=self._keys.nats_system
            ),
        )
        supervised = crew.start(
            Stage.SERVERS,
            server.program,
            lambda: is_ready(server.monitoring_port, "/healthz"),
            quiet=True,
        )
        await supervised.wait_ready()
        urls = {user: server.url(user, passwords[user]) for user in _NATS_USERS}
        file = self._folder / "integration.url"
        with usable(file):
            write_private(file, f"{urls['integration']}\n".encode())
        return urls

    async def _database(self, crew: Crew) -> Mapping[str, str]:
        """Return the URL of the migrated database for each role that has tables."""
        if self._settings.database_url is not None:
            await migrate(self._settings.database_url, MIGRATIONS)
            return dict.fromkeys(_DATABASE_ROLES, self._settings.database_url)
        passwords = {
            role: str(getattr(self._keys, f"postgres_{role}"))
            for role in _DATABASE_ROLES
        }
        root = self._folder / "postgres"
        with usable(root):
            postgres = embedded.postgres(root, password=self._keys.postgres_owner)
        supervised = crew.start(
            Stage.SERVERS,
            postgres.program,
            lambda: database.answers(postgres),
            quiet=True,
        )
        await supervised.wait_ready()
        await database.create_database(postgres)
        await migrate(postgres.dsn(), MIGRATIONS)
        await database.let_in(postgres.dsn(), passwords)
        return {
            role: postgres.dsn(role=role, password=passwords[role])
            for role in _DATABASE_ROLES
        }
