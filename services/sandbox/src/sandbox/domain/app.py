"""What kind of app a folder holds: how it is installed and how it is started.

One pure function over the text of a few files at the top of the folder. The order is
that of how sure a sign is: `package.json`, then Python's manifests, then `index.html`.
"""

import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

PORT = "{port}"
"""Stands in an argument list for the port on which the app has to listen."""

READ = (
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "bun.lock",
    "bun.lockb",
    "pnpm-lock.yaml",
    "yarn.lock",
    "requirements.txt",
    "pyproject.toml",
    "main.py",
    "app.py",
    "server.py",
    "asgi.py",
    "wsgi.py",
    "manage.py",
    "index.html",
)
"""The files whose text `detect` and `install_digest` look at."""

Kind: TypeAlias = Literal["vite", "node", "asgi", "flask", "wsgi", "python", "static"]


class App(Struct, frozen=True):
    """How to run what a folder holds."""

    kind: Kind
    argv: tuple[str, ...] = ()
    """The server's command; empty where the files are served as they are."""
    reloads: bool = True
    """It shows a changed file by itself; otherwise a change means a restart."""
    manifests: tuple[str, ...] = ()
    """The files that say what has to be installed; empty: nothing has to."""


class NoApp(Exception):
    """Nothing here can be run; one sentence says why."""


# A script that begins with one of these watches its files; elsewhere in a script only
# the flags count, because `node server.js` does not.
_WATCHERS = frozenset(
    {
        *("astro", "gatsby", "next", "ng", "nodemon", "nuxi", "nuxt", "parcel"),
        *("react-router", "react-scripts", "remix", "rsbuild", "rspack", "svelte-kit"),
        *(
            "vinxi",
            "vite",
            "vue-cli-service",
            "webpack",
            "webpack-dev-server",
            "wrangler",
        ),
    }
)
_WATCH_FLAG = re.compile(r"(^|\s)(--watch|watch|--hot)(\s|=|$)")
_SHELL = re.compile(r"[;&|<>$`\n]")
_VITE = "node_modules/vite/bin/vite.js"
_OURS = {"--host": 1, "--port": 1, "--strictPort": 0, "--open": 0}
"""Vite's options that we set, and how many words follow each."""

_ENTRIES = ("main.py", "app.py", "server.py", "asgi.py", "wsgi.py")
_ASGI = "FastAPI|Starlette|Litestar|Quart|get_asgi_application|falcon\\.asgi\\.App"
_WSGI = "Bottle|default_app|get_wsgi_application|falcon\\.App"
_NAMED = r"^(\w{1,100})\s*(?::\s*[\w.]{1,100}\s*)?=\s*(?:\w{1,100}\.){0,9}(?:%s)\("
_SERVED: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("asgi", re.compile(_NAMED % _ASGI, re.MULTILINE)),
    ("asgi", re.compile(r"^async def (\w{1,100})\(\s*scope\b", re.MULTILINE)),
    ("flask", re.compile(_NAMED % "Flask", re.MULTILINE)),
    ("wsgi", re.compile(_NAMED % _WSGI, re.MULTILINE)),
    ("wsgi", re.compile(r"^def (\w{1,100})\(\s*environ\b", re.MULTILINE)),
)
"""What a module names at its top that a server has to serve, the surest first."""
SERVERS: Mapping[Kind, tuple[str, ...]] = {
    "asgi": ("uvicorn",),
    "flask": ("flask",),
    "wsgi": ("waitress",),
}
"""Packages that serve such an app, whether it asks for them or not."""
VENV_PYTHON = ".venv/bin/python"


def detect(files: Mapping[str, str]) -> App:
    """Return how to run the app whose files of `READ` have these texts.

    Raises:
        NoApp: There is nothing that could be run, or a manifest cannot be read.

    """
    if "package.json" in files:
        app = _node(read_package(files["package.json"]))
        if app is not None:
            return app
    app = _python(files)
    if app is not None:
        return app
    if "index.html" in files:
        return App("static")
    if "package.json" in files:
        raise NoApp('package.json has neither a "dev" nor a "start" script.')
    raise NoApp(
        "There is nothing to run: no package.json, no Python app and no index.html."
    )


class Package(Struct, frozen=True):
    """The parts of a package.json that say how to run it."""

    scripts: dict[str, str] = {}
    dependencies: dict[str, str] = {}
    dev_dependencies: dict[str, str] = msgspec.field(name="devDependencies", default={})
    optional_dependencies: dict[str, str] = msgspec.field(
        name="optionalDependencies", default={}
    )
    peer_dependencies: dict[str, str] = msgspec.field(
        name="peerDependencies", default={}
    )
    workspaces: Any = None

    @property
    def needs_packages(self) -> bool:
        """Whether npm would have anything to do."""
        return bool(
            self.dependencies
            or self.dev_dependencies
            or self.optional_dependencies
            or self.peer_dependencies
            or self.workspaces
        )

    @property
    def wanted(self) -> dict[str, str]:
        """Every package that is asked for, with its range."""
        return {
            **self.peer_dependencies,
            **self.optional_dependencies,
            **self.dev_dependencies,
            **self.dependencies,
        }


_BYTE_ORDER_MARK = "\ufeff"
"""Some editors begin a file with it, and neither npm nor Node minds."""
_packages = msgspec.json.Decoder(Package)


def read_package(text: str) -> Package:
    """Return what a package.json says.

    Raises:
        NoApp: It is not the JSON that it should be.

    """
    try:
        return _packages.decode(text.removeprefix(_BYTE_ORDER_MARK))
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise NoApp(f"package.json cannot be read: {exc}.") from exc


def _node(package: Package) -> App | None:
    scripts = {name: text.strip() for name, text in package.scripts.items()}
    name = next((one for one in ("dev", "start") if scripts.get(one)), None)
    script = scripts[name] if name is not None else None
    has_vite = "vite" in package.dependencies or "vite" in package.dev_dependencies
    if has_vite and (script is None or _is_plain_vite(script)):
        options = _vite_options(script or "vite")
        ours = ("--host", "127.0.0.1", "--port", PORT, "--strictPort")
        argv = ("node", _VITE, *options, *ours)
        return App("vite", argv, manifests=("package.json",))
    if name is None or script is None:
        return None
    return App(
        "node",
        ("npm", "run", "--silent", name),
        reloads=_watches(script),
        manifests=("package.json",),
    )


def _is_plain_vite(script: str) -> bool:
    """Tell whether *script* starts Vite's dev server and nothing else.

    Its own file is then run without npm in between, which costs a fraction of a second.
    """
    words = script.split()
    if words[0] != "vite" or _SHELL.search(script):
        return False
    return len(words) == 1 or words[1] not in ("build", "preview", "optimize")


def _vite_options(script: str) -> tuple[str, ...]:
    """Return the options of a script `vite ...` without those that we set."""
    try:
        words = shlex.split(script)[1:]
    except ValueError:
        return ()
    kept: list[str] = []
    skip = 0
    for position, word in enumerate(words):
        name, _, _ = word.partition("=")
        if skip:
            skip -= 1
        elif name in _OURS:
            following = words[position + 1 : position + 2]
            has_value = bool(following) and not following[0].startswith("-")
            skip = _OURS[name] if has_value and "=" not in word else 0
        elif word not in ("dev", "serve"):
            kept.append(word)
    return tuple(kept)


def _watches(script: str) -> bool:
    words = script.split()
    return words[0] in _WATCHERS or _WATCH_FLAG.search(script) is not None


def _python(files: Mapping[str, str]) -> App | None:
    manifest = next(
        (one for one in ("requirements.txt", "pyproject.toml") if one in files), None
    )
    entry = next((one for one in _ENTRIES if one in files), None)
    if "manage.py" in files and manifest is not None and entry in (None, *_ENTRIES[3:]):
        argv = ("manage.py", "runserver", "--noreload", f"127.0.0.1:{PORT}")
        return _python_app("python", argv, manifest)
    if entry is None:
        if manifest is None or "index.html" in files:
            return None
        raise NoApp(f"There is a {manifest}, but neither a main.py nor an app.py.")
    if manifest is None:
        return App("python", ("python", entry), reloads=False)
    return _python_app(*_served(entry, files[entry]), manifest)


def _served(entry: str, text: str) -> tuple[Kind, tuple[str, ...]]:
    """Return how the app in the module *entry* is served; by itself where none is."""
    module = entry.removesuffix(".py")
    address = ("--host", "127.0.0.1", "--port", PORT)
    for kind, sign in _SERVED:
        found = sign.search(text)
        if found is None:
            continue
        name = f"{module}:{found[1]}"
        if kind == "asgi":
            return kind, ("-m", "uvicorn", name, *address)
        if kind == "flask":
            return kind, ("-m", "flask", "--app", name, "run", *address)
        return kind, ("-m", "waitress", f"--listen=127.0.0.1:{PORT}", name)
    return "python", (entry,)


def _python_app(kind: Kind, argv: tuple[str, ...], manifest: str) -> App:
    return App(kind, (VENV_PYTHON, *argv), reloads=False, manifests=(manifest,))


_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[\w\s,.-]*\])?[^\r\n]*")


def python_requirements(text: str) -> Sequence[str]:
    """Return the dependencies that a pyproject.toml declares.

    Raises:
        NoApp: It cannot be read, or a dependency is not one by name.

    """
    try:
        project: Any = tomllib.loads(text).get("project", {})
        dependencies = msgspec.convert(project.get("dependencies", []), list[str])
    except (tomllib.TOMLDecodeError, msgspec.MsgspecError, AttributeError) as exc:
        raise NoApp(f"pyproject.toml cannot be read: {exc}.") from exc
    for one in dependencies:
        if not _REQUIREMENT.fullmatch(one) or "@" in one:
            raise NoApp(f"pyproject.toml asks for {one!r}, which is not a package.")
    return dependencies
