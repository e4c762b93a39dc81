"""Build the web client when its sources have changed.

The output is what the api serves. A stamp beside it holds the fingerprint of the
sources, so that a start without changes costs some milliseconds. It is built aside and
put in place when it is whole: the page is there at every moment.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from standalone.machine.node import Node
from standalone.program import Program, kill_group
from standalone.supervision.console import Console

_NOT_SOURCES = frozenset({"node_modules", "dist", "tests", "test-results"})
_ASIDE = "dist"
_PAGE = ("index.html.gz", "index.html")
"""What names the other files, and is written after them."""
_STAMP = ".built-from"
_INSTALLED = "node_modules/.installed-from"
_LOCK = "package-lock.json"
_POLL_S = 0.2


def is_built(web: Path, static: Path) -> bool:
    """Tell whether *static* holds what the sources in *web* say."""
    return _read(static / _STAMP) == _fingerprint(web)


async def build(web: Path, static: Path, node: Node | None, console: Console) -> None:
    """Build *web* into *static* if it is not built yet.

    What goes wrong is told in one sentence, and what was there before stays: Atelier
    works without its page, through the api and the command line.
    """
    if not (web / _LOCK).exists() or is_built(web, static):
        return
    if node is None:
        console.say(
            "The web client cannot be built: there is no Node.js 22.12 or newer"
        )
        return
    console.say("Building the web client; the first time takes a minute")
    async with _alone(web):
        if not is_built(web, static):  # by somebody else meanwhile
            failure = await _build(web, static, node)
            if failure is not None:
                console.say(f"The web client cannot be built: {failure}")


async def install(web: Path, node: Node) -> str | None:
    """Install the packages that *web* names; return why it was not possible."""
    async with _alone(web):
        return await _install(web, node)


@asynccontextmanager
async def _alone(web: Path) -> AsyncIterator[None]:
    """Keep another copy that starts from the same checkout from building meanwhile."""
    lock = os.open(web, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while not _try_lock(lock):  # noqa: ASYNC110 - held by another process
            await asyncio.sleep(_POLL_S)
        yield
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _build(web: Path, static: Path, node: Node) -> str | None:
    """Return why it was not possible."""
    fingerprint = _fingerprint(web)
    aside = ("run", "build", "--", "--outDir", _ASIDE)
    failure = await _install(web, node) or await _npm(web, node, aside)
    if failure is None:
        _put_in_place(web / _ASIDE, static)
        (static / _STAMP).write_text(fingerprint)
    return failure


def _put_in_place(built: Path, static: Path) -> None:
    """Move every file of *built* to *static*, and remove what is not in it.

    Names of assets change with their content, so that the new ones lie beside the old
    ones until the page names them.
    """
    names = [file.relative_to(built) for file in built.rglob("*") if file.is_file()]
    last = [Path(name) for name in _PAGE if Path(name) in names]
    for name in [*(name for name in names if name not in last), *last]:
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (built / name).replace(static / name)
    kept = {static / name for name in names}
    for file in static.rglob("*"):
        if file.is_file() and file not in kept:
            file.unlink()
    shutil.rmtree(built)


async def _install(web: Path, node: Node) -> str | None:
    """Return why it was not possible."""
    wanted = _digest([web / _LOCK], web)
    if _read(web / _INSTALLED) == wanted:
        return None
    failure = await _npm(web, node, ("ci", "--no-audit", "--no-fund"))
    if failure is None:
        (web / _INSTALLED).write_text(wanted)
    return failure


async def _npm(web: Path, node: Node, arguments: tuple[str, ...]) -> str | None:
    """Run npm in *web*; return what its last words were if it fails."""
    path = os.pathsep.join([str(node.folder), os.environ.get("PATH", os.defpath)])
    program = Program(
        name="web",
        argv=(str(node.node), str(node.npm), *arguments),
        env={**os.environ, "PATH": path, "CI": "true"},
        cwd=web,
    )
    process = await asyncio.create_subprocess_exec(
        *program.argv,
        env=dict(program.env),
        cwd=program.cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=program.before_exec(),
    )
    try:
        output, _ = await process.communicate()
    finally:
        kill_group(process.pid)
    if process.returncode == 0:
        return None
    lines = [line.strip() for line in output.decode(errors="replace").splitlines()]
    told = next((line for line in lines if "error" in line.lower()), "")
    return f"`npm {' '.join(arguments)}` failed: {told or 'it does not say why'}"


def _fingerprint(web: Path) -> str:
    return _digest(sorted(_sources(web)), web)


def _sources(web: Path) -> Iterable[Path]:
    for folder, folders, files in os.walk(web):
        folders[:] = [
            name
            for name in folders
            if name not in _NOT_SOURCES and not name.startswith(".")
        ]
        yield from (Path(folder) / name for name in files)


def _digest(files: Iterable[Path], root: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
