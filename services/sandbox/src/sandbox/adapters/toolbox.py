"""The programs that apps are built with, and how this machine reaches registries.

Found once, on this machine, by asking the programs themselves: a `node` on the PATH may
be a wrapper, and the settings of npm may come from four files and the environment.
"""

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from chassis import logs
from sandbox.ports import RuntimeFailed

_log = logs.get(__name__)
_ASK_S = 30.0
_BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_CERTIFICATES = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "PIP_CERT")
_NPM_REGISTRY = "https://registry.npmjs.org/"
_PYTHON_INDEX = ("https://pypi.org/simple", "https://files.pythonhosted.org/")


class Toolbox(Struct, frozen=True):
    """Where each tool is. What is None is not on this machine."""

    python: Path
    python_root: Path
    """Everything that this Python needs to run."""
    node: Path | None = None
    npm: Path | None = None
    """The file that node runs as npm."""
    uv: Path | None = None
    chromium: Path | None = None
    """Looks at pages. All that it needs lies beside it."""
    bun_folder: Path | None = None
    """Where bun will be as soon as it was fetched."""
    certificates: Path | None = None
    """A bundle that this machine trusts beside, or in place of, the usual ones."""

    @property
    def bun(self) -> Path | None:
        """The program, if it is there by now."""
        if self.bun_folder is None:
            return None
        return next(self.bun_folder.glob("node_modules/@oven/*/bin/bun"), None)

    def command(self, argv: tuple[str, ...]) -> list[str]:
        """Return *argv* with its tool as a full path.

        Raises:
            RuntimeFailed: This machine does not have the tool.

        """
        tools: dict[str, tuple[Path | None, ...]] = {
            "node": (self.node,),
            "npm": (self.node, self.npm),
            "bun": (self.bun,),
            "python": (self.python,),
            "uv": (self.uv,),
            "chromium": (self.chromium,),
        }
        name, *arguments = argv
        if name not in tools:
            return [name, *arguments]
        words = []
        for path in tools[name]:
            if path is None:
                remedy = "install Node.js with npm, or set NODE_BIN"
                if name == "bun":
                    remedy = "it has not been fetched from the registry yet"
                raise RuntimeFailed(
                    f"The app needs {name}, which is not on this machine: {remedy}."
                )
            words.append(str(path))
        return [*words, *arguments]

    @property
    def roots(self) -> list[Path]:
        """Return the folders and files that the tools need, outside of /usr."""
        found = [self.python_root]
        if self.node is not None:
            found.append(_root_of(self.node))
        if self.npm is not None:
            found.append(self.npm.parents[1])
        if self.chromium is not None:
            found.append(self.chromium.parent)
        single = (self.uv, self.bun, self.certificates)
        found += [path for path in single if path is not None]
        usr = Path("/usr")
        return sorted({path for path in found if not path.is_relative_to(usr)})

    def write_wrappers(self, folder: Path) -> None:
        """Make `node`, `npm` and `npx` in *folder*, for scripts that call them."""
        if self.node is None:
            return
        node = shlex.quote(str(self.node))
        wrappers = {"node": f'exec {node} "$@"'}
        if self.npm is not None:
            npm = shlex.quote(str(self.npm))
            npx = shlex.quote(str(self.npm.with_name("npx-cli.js")))
            wrappers |= {
                "npm": f'exec {node} {npm} "$@"',
                "npx": f'exec {node} {npx} "$@"',
            }
        for name, line in wrappers.items():
            wrapper = folder / name
            wrapper.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
            wrapper.chmod(0o755)


async def find_tools(node_bin: str | None, environ: Mapping[str, str]) -> Toolbox:
    """Look for the tools; *node_bin* is a program or a folder, None: on the PATH."""
    path = environ.get("PATH", os.defpath)
    program = _look_for_node(node_bin, path)
    # A wrapper is asked for what it runs in the end.
    answer = None
    if program is not None:
        answer = await _ask((program, "-p", "process.execPath"), environ)
    return _toolbox(answer, path, environ)


def _look_for_node(node_bin: str | None, path: str) -> str | None:
    if node_bin and Path(node_bin).is_dir():
        return shutil.which("node", path=node_bin)
    return shutil.which(node_bin or "node", path=path)


def _toolbox(node_path: bytes | None, path: str, environ: Mapping[str, str]) -> Toolbox:
    node = Path(os.fsdecode(node_path.strip())).resolve() if node_path else None
    bundles = (Path(environ[name]) for name in _CERTIFICATES if environ.get(name))
    bundle = next((one for one in bundles if one.is_file()), None)
    uv = shutil.which("uv", path=path)
    return Toolbox(
        python=Path(sys.executable).resolve(),
        python_root=Path(sys.base_prefix).resolve(),
        node=node,
        npm=None if node is None else _find_npm(node, path),
        uv=None if uv is None else Path(uv).resolve(),
        chromium=_find_browser(path),
        certificates=None if bundle is None else bundle.resolve(),
    )


def _find_npm(node: Path, path: str) -> Path | None:
    beside = _root_of(node) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if beside.is_file():
        return beside.resolve()
    program = shutil.which("npm", path=path)
    found = Path(program).resolve() if program else None
    return found if found is not None and found.name == "npm-cli.js" else None


def _find_browser(path: str) -> Path | None:
    for name in _BROWSERS:
        program = shutil.which(name, path=path)
        if program is not None:
            # Debian's is a wrapper that reads settings which are not in a sandbox.
            itself = Path("/usr/lib") / name / name
            return itself if itself.is_file() else Path(program).resolve()
    return None


def _root_of(node: Path) -> Path:
    return node.parents[1]


class Registries(Struct, frozen=True):
    """How packages are reached from this machine."""

    npm: str = _NPM_REGISTRY
    python: tuple[str, ...] = _PYTHON_INDEX
    certificates: str | None = None
    """What npm is told to trust."""
    strict: bool = True
    """Whether npm checks certificates."""

    @property
    def hosts(self) -> frozenset[tuple[str, int]]:
        """Return the only hosts and ports that an install may reach."""
        found = set()
        for url in (self.npm, *self.python):
            parts = urlsplit(url)
            if parts.hostname:
                port = parts.port or (80 if parts.scheme == "http" else 443)
                found.add((parts.hostname, port))
        return frozenset(found)


class _NpmConfig(Struct, rename="kebab"):
    registry: str = _NPM_REGISTRY
    cafile: str | None = None
    strict_ssl: bool = True


class RegistryFinder:
    """Finds them once, whoever asks first."""

    def __init__(self, tools: Toolbox, environ: Mapping[str, str]) -> None:
        self._tools = tools
        self._environ = environ
        self._asking = asyncio.Lock()
        self._found: Registries | None = None

    async def find(self) -> Registries:
        """Return how packages are reached."""
        async with self._asking:
            if self._found is None:
                self._found = await find_registries(self._tools, self._environ)
            return self._found


async def find_registries(tools: Toolbox, environ: Mapping[str, str]) -> Registries:
    """Ask npm and the environment where packages come from on this machine.

    Names and passwords in a URL are left out: what an app could read, it could send.
    """
    config = _NpmConfig()
    if tools.node is not None and tools.npm is not None:
        npm = (str(tools.node), str(tools.npm))
        answer = await _ask((*npm, "config", "list", "--long", "--json"), environ)
        try:
            config = msgspec.json.decode(answer or b"{}", type=_NpmConfig)
        except msgspec.MsgspecError:
            _log.warning("the settings of npm cannot be read, taking the defaults")
    index = environ.get("PIP_INDEX_URL") or environ.get("UV_INDEX_URL")
    return Registries(
        npm=_without_secrets(config.registry),
        python=(_without_secrets(index),) if index else _PYTHON_INDEX,
        certificates=config.cafile,
        strict=config.strict_ssl,
    )


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


async def _ask(words: tuple[str, ...], environ: Mapping[str, str]) -> bytes | None:
    """Return what a program says about itself; None where it fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            env=dict(environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(_ASK_S):
            output, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output if process.returncode == 0 else None
