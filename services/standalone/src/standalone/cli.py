"""`atelier`: build an app from the command line, read its log, fetch its files."""

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from chassis.settings import SettingsError, read
from contracts.browser import (
    GetState,
    StartGeneration,
    StartGenerationData,
    StateUpdate,
)
from standalone.client.errors import CommandFailed
from standalone.client.follow import Follower
from standalone.client.pull import pull
from standalone.client.server import Server, connected, signed_in
from standalone.client.terminal import Terminal, complain, say
from standalone.client.view import View
from standalone.doctor.examination import examination
from standalone.doctor.finding import Level
from standalone.errors import CannotStart
from standalone.keeping import archive
from standalone.keeping.backup import backup
from standalone.keeping.restore import restore
from standalone.machine.dotenv import load_dotenv
from standalone.migrate import MIGRATIONS
from standalone.servers.local_log import log_url
from standalone.settings import Settings

_INTERRUPTED = 130
_MAX_NAME = 60


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code: 0, 1 with the reason, 2 for bad usage."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (CommandFailed, CannotStart, SettingsError) as exc:
        complain(f"atelier: {exc}")
        return 1
    except KeyboardInterrupt:
        complain("\nThe server goes on with it.")
        return _INTERRUPTED


def create(options: argparse.Namespace) -> int:
    """Build an app and follow it to its end."""
    description = " ".join(options.description).strip()
    if not description:
        raise CommandFailed("Say what to build, such as: atelier create a kanban board")
    with signed_in(options.server) as server:
        project = server.create_project(
            options.name or description[:_MAX_NAME].strip(), description
        )
        say(f"Project {project['id']}")
        order = StartGeneration(
            StartGenerationData(model=options.model, max_phases=options.max_phases)
        )
        follower = _follower(server, project)
        follower.start(order)
        view = asyncio.run(_show_run(follower, View(with_logs=options.logs)))
    if view.failure is not None:
        raise CommandFailed(view.failure or "The run was stopped.")
    say(f"Preview {view.preview_url or 'is not running'}")
    return 0


def logs(options: argparse.Namespace) -> int:
    """Tell what happened to a project; with --follow, what happens."""
    with signed_in(options.server) as server:
        follower = _follower(server, server.find_project(options.project))
    asyncio.run(_show_log(follower, follow=options.follow))
    return 0


def files_pull(options: argparse.Namespace) -> int:
    """Write a project's files into a folder."""
    with signed_in(options.server) as server:
        project = server.find_project(options.project)
        files = server.files(project["id"])
    contents = {str(file["path"]): str(file["content"]) for file in files}
    written = pull(contents, options.folder, overwrite=options.force)
    for path in written:
        say(path)
    say(f"{len(written)} of {len(contents)} files written to {options.folder}")
    return 0


def replay(options: argparse.Namespace) -> int:
    """Fold a project's log offline; print what it comes to and its hash."""
    arguments = [options.project] if options.project else []
    environment = dict(os.environ)
    if options.history is not None:
        arguments += ["--history", str(options.history)]
    else:
        try:
            url = log_url(Path(os.environ.get("DATA_DIR") or ".data"))
        except CannotStart as exc:
            raise CommandFailed(str(exc)) from exc
        environment["DATABASE_URL"] = url
    # The agent's own program: nobody else knows what its events mean.
    command = (sys.executable, "-m", "agent", "replay", *arguments)
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - ours


def doctor(_: argparse.Namespace) -> int:
    """Say what is wrong with the installation; 1 where something is."""
    return asyncio.run(_examine(_settings()))


async def _examine(settings: Settings) -> int:
    ill = False
    async for finding in examination(settings, MIGRATIONS):
        ill = ill or finding.level is Level.PROBLEM
        say(f"{finding.level.value:<8} {finding.about}: {finding.sentence}")
    return 1 if ill else 0


def back_up(options: argparse.Namespace) -> int:
    """Write everything into one file."""
    made = backup(_settings(), options.file, with_secrets=not options.without_secrets)
    say(
        f"{options.file}: {made.projects} projects, {made.events} events"
        f"{'' if archive.SECRETS in made.sha256 else ', without the keys'}"
    )
    return 0


def bring_back(options: argparse.Namespace) -> int:
    """Fill an empty installation from such a file."""
    found = restore(_settings(), options.file, MIGRATIONS)
    say(
        f"{found.projects} projects, {found.events} events of "
        f"{found.made_at:%Y-%m-%d %H:%M} UTC are back: start with `make run`"
    )
    return 0


def _settings() -> Settings:
    load_dotenv(Path(".env"))
    return read(Settings)


def sign_in(options: argparse.Namespace) -> int:
    """Sign in to a server with an account that there is."""
    with connected(options.server) as server:
        email = options.email or input("E-mail: ").strip()
        server.sign_in_as(email, _password())
    say(f"Signed in at {options.server} as {email}")
    return 0


def _password() -> str:
    given = os.environ.get("ATELIER_PASSWORD")
    if given:
        return given
    from getpass import getpass  # noqa: PLC0415 - only where somebody types

    return getpass("Password: ")


def _follower(server: Server, project: dict[str, Any]) -> Follower:
    url = f"{server.url}/ws/{project['id']}"
    return Follower(url, server.cookie, is_local=server.is_local)


async def _show_run(follower: Follower, view: View) -> View:
    terminal = Terminal()
    try:
        async with aclosing(follower.messages()) as messages:
            async for message in messages:
                terminal.write(view.take(message), view.live)
                if view.is_over:
                    break
    finally:
        terminal.end()
    return view


async def _show_log(follower: Follower, *, follow: bool) -> None:
    view, terminal = View(with_logs=True), Terminal()
    follower.start(GetState())
    end: int | None = None
    seen = 0
    try:
        async with aclosing(follower.messages()) as messages:
            async for message in messages:
                terminal.write(view.take(message), view.live if follow else "")
                seq = getattr(message, "seq", None)
                if isinstance(seq, int):
                    seen = seq
                elif isinstance(message, StateUpdate):
                    end = message.data.version
                if not follow and end is not None and seen >= end:
                    return
    finally:
        terminal.end()


def _default_server() -> str:
    port = os.environ.get("PORT") or "3000"
    return os.environ.get("ATELIER_SERVER") or f"http://localhost:{port}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="atelier", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    making = _command(commands, "create", create, "build an app from a description")
    making.add_argument("description", nargs="+", help="what to build")
    making.add_argument("--name", help="name of the project")
    making.add_argument("--model", help="language model to ask")
    making.add_argument("--max-phases", type=int, help="build in so many steps at most")
    making.add_argument("--logs", action="store_true", help="show what the app prints")

    reading = _command(commands, "logs", logs, "tell what happened to a project")
    reading.add_argument("project", help="id, beginning of an id, or name")
    reading.add_argument("-f", "--follow", action="store_true", help="go on listening")

    files = commands.add_parser("files", help="the files of a project")
    of_files = files.add_subparsers(required=True, metavar="COMMAND")
    pulling = _command(of_files, "pull", files_pull, "write them into a folder")
    pulling.add_argument("project", help="id, beginning of an id, or name")
    pulling.add_argument("folder", type=Path, help="where to")
    pulling.add_argument("--force", action="store_true", help="overwrite what differs")

    folding = commands.add_parser("replay", help="fold a project's log offline")
    folding.add_argument("project", nargs="?", help="id of the project")
    folding.add_argument("--history", type=Path, help="a file, one event a line")
    folding.set_defaults(command=replay)

    looking = commands.add_parser("doctor", help="say what is wrong, in sentences")
    looking.set_defaults(command=doctor)

    saving = commands.add_parser("backup", help="write everything into one file")
    saving.add_argument("file", type=Path, help="where to")
    saving.add_argument(
        "--without-secrets", action="store_true", help="leave out the keys"
    )
    saving.set_defaults(command=back_up)

    restoring = commands.add_parser("restore", help="fill an empty installation")
    restoring.add_argument("file", type=Path, help="what `atelier backup` has written")
    restoring.set_defaults(command=bring_back)

    entering = _command(commands, "sign-in", sign_in, "sign in to a server")
    entering.add_argument("--email", help="address of the account")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
    parser.add_argument(
        "--server",
        default=_default_server(),
        help="its address (default: %(default)s, or ATELIER_SERVER)",
    )
    parser.set_defaults(command=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
