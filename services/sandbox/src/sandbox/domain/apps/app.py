"""What kind of app a folder holds: how it is installed and how it is started.

One pure function over the text of a few files, most of them at the top of the folder.
The order is that of how sure a sign is: `package.json`, then Python's manifests, then
`index.html`.
"""

import json
import posixpath
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

PORT = "{port}"
"""Stands in an argument list for the port on which the app has to listen."""

_TOP = (
    "package.json",
    "pnpm-workspace.yaml",
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
    "server.js",
    "index.html",
)
"""The files at the top whose text `detect` and `install.digest` look at."""
_MODULES = ("main", "app", "server", "asgi", "wsgi", "__init__")
_DEEPER = re.compile(
    rf"(?:src/)?(?!tests?/)[A-Za-z]\w{{0,60}}/({'|'.join(_MODULES)})\.py"
)
"""Those of Python that may name what is served, where nothing at the top does."""
_MOST_DEEPER = 20
_PARTS = re.compile(r"(?!.*\bnode_modules/)(?:[\w@.-]{1,80}/){1,4}package\.json")
"""Those of the packages that a project of several is made of."""
_LISTS = re.compile(r"(?:requirements/)?[\w.-]{1,80}\.(?:txt|in)")
"""Those that a requirements.txt may include."""
_MOST_PARTS = 50

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
    variables: Mapping[str, str] = {}
    """What its environment lacks without us."""
    before: tuple[str, ...] = ()
    """A command to run before each start; the server is started whatever it says."""


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
_MAKERS = "create_app|make_app|build_app"
_MAKER = re.compile(rf"^def ({_MAKERS})\(([^()]{{0,300}})\)", re.MULTILINE)
_MADE = re.compile(_NAMED % _MAKERS, re.MULTILINE)
_FRAMEWORK = re.compile(
    r"\b(?:fastapi|starlette|litestar|quart|flask)\b", re.IGNORECASE
)
_RELATIVE = re.compile(r"^\s*from\s+\.", re.MULTILINE)
SERVERS: Mapping[Kind, tuple[str, ...]] = {
    "asgi": ("uvicorn", "websockets"),
    "flask": ("flask",),
    "wsgi": ("waitress",),
}
"""Packages that serve such an app, whether it asks for them or not."""
VENV_PYTHON = ".venv/bin/python"
_MIGRATE = (VENV_PYTHON, "manage.py", "migrate", "--noinput", "--run-syncdb")


def looked_at(paths: Iterable[str]) -> list[str]:
    """Return those of a project's files whose text `detect` wants to see."""
    own = set(paths)
    found = filter(None, map(_DEEPER.fullmatch, own))
    deeper = sorted((_MODULES.index(one[1]), one[0]) for one in found)
    parts = sorted(filter(_PARTS.fullmatch, own))
    lists = sorted(filter(_LISTS.fullmatch, own - {*_TOP}))
    return [
        *(path for path in _TOP if path in own),
        *(path for _, path in deeper[:_MOST_DEEPER]),
        *(parts[:_MOST_PARTS] if "package.json" in own else ()),
        *(lists[:_MOST_PARTS] if "requirements.txt" in own else ()),
    ]


def detect(files: Mapping[str, str]) -> App:
    """Return how to run the app whose files of `looked_at` have these texts.

    Raises:
        NoApp: There is nothing that could be run, or a manifest cannot be read.

    """
    if "package.json" in files:
        app = _node(read_package(files["package.json"]), files)
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
_packages = msgspec.json.Decoder(dict[str, Any])
_NAMING_PACKAGES = (
    *("dependencies", "devDependencies"),
    *("optionalDependencies", "peerDependencies"),
)


def read_package(text: str) -> Package:
    """Return what a package.json says to npm, which is not strict about what it reads.

    Raises:
        NoApp: It is not the JSON that it should be.

    """
    try:
        said = _packages.decode(text.removeprefix(_BYTE_ORDER_MARK))
        return msgspec.convert(_as_npm_reads(said), Package)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        where = _where(text)
        raise NoApp(f"package.json cannot be read: {where}{exc}.") from exc


def _where(text: str) -> str:
    """Return the place of the mistake in a package.json, if it is one of JSON."""
    try:
        json.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except json.JSONDecodeError as exc:
        return f"package.json:{exc.lineno}: "
    except RecursionError:
        pass
    return ""


def _as_npm_reads(said: dict[str, Any]) -> dict[str, Any]:
    """Return *said* without what npm takes for nothing."""
    read = {**said}
    for key in _NAMING_PACKAGES:
        if not said.get(key) or isinstance(said[key], int | float):
            read[key] = {}
    scripts = said.get("scripts")
    named = scripts.items() if isinstance(scripts, dict) else ()
    read["scripts"] = {name: one for name, one in named if isinstance(one, str)}
    return read


def _node(package: Package, files: Mapping[str, str]) -> App | None:
    scripts = {name: text.strip() for name, text in package.scripts.items()}
    if "server.js" in files:
        scripts.setdefault("start", "node server.js")  # npm does that by itself
    name = next((one for one in ("dev", "start") if scripts.get(one)), None)
    script = scripts[name] if name is not None else None
    has_vite = "vite" in package.dependencies or "vite" in package.dev_dependencies
    manifests = _node_manifests(package, files)
    if has_vite and (script is None or _is_plain_vite(script)):
        options = _vite_options(script or "vite")
        ours = ("--host", "127.0.0.1", "--port", PORT, "--strictPort")
        argv = ("node", _VITE, *options, *ours)
        return App("vite", argv, manifests=manifests)
    if name is None or script is None:
        return None
    return App(
        "node",
        ("npm", "run", "--silent", name),
        reloads=_watches(script),
        manifests=manifests,
    )


def _node_manifests(package: Package, files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files that name packages: of a project of several, those of each."""
    if not package.workspaces and "pnpm-workspace.yaml" not in files:
        return ("package.json",)
    several = (path for path in files if _PARTS.fullmatch(path))
    whole = ("pnpm-workspace.yaml",) if "pnpm-workspace.yaml" in files else ()
    return ("package.json", *whole, *sorted(several))


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
    if manifest is None:
        alone = None if entry is None else ("python", entry)
        return None if alone is None else App("python", alone, reloads=False)
    if "manage.py" in files and entry in (None, *_ENTRIES[3:]):
        argv = ("manage.py", "runserver", "--noreload", f"127.0.0.1:{PORT}")
        app = _python_app(_Served("python", argv), files, manifest)
        return msgspec.structs.replace(app, before=_MIGRATE)
    if entry is not None:
        served = _served(entry, files[entry], files[manifest])
        return _python_app(served or _Served("python", (entry,)), files, manifest)
    served = _served_deeper(files, files[manifest])
    if served is not None:
        return _python_app(served, files, manifest)
    if "index.html" in files:
        return None
    raise NoApp(f"There is a {manifest}, but neither a main.py nor an app.py.")


def _served_deeper(files: Mapping[str, str], packages: str) -> "_Served | None":
    """Return how the app is served that lies in a folder, if there is one."""
    for path in looked_at(files):
        served = _served(path, files[path], packages) if "/" in path else None
        if served is not None:
            return served
    return _Served("python", ("src/main.py",)) if "src/main.py" in files else None


class _Served(Struct, frozen=True):
    kind: Kind
    argv: tuple[str, ...]
    """Arguments for Python."""
    variables: Mapping[str, str] = {}


def _served(path: str, text: str, packages: str) -> _Served | None:
    """Return how what the module at *path* names is served; None where nothing is."""
    found = _named(text) or _made(text, packages)
    if found is None:
        return None
    module, folder = _module(path, text)
    served = f"{module}:{found.name}"
    address = ("--host", "127.0.0.1", "--port", PORT)
    if found.kind == "asgi":
        options = ("--factory",) if found.is_maker else ()
        argv = ("-m", "uvicorn", *options, served, *address)
    elif found.kind == "flask":
        argv = ("-m", "flask", "--app", served, "run", *address)
    else:
        argv = ("-m", "waitress", f"--listen=127.0.0.1:{PORT}", served)
    return _Served(found.kind, argv, {"PYTHONPATH": folder} if folder else {})


class _Named(Struct, frozen=True):
    kind: Kind
    name: str
    is_maker: bool = False
    """It is a function that returns what has to be served."""


def _named(text: str) -> _Named | None:
    """Return what a module names at its top that a server has to serve."""
    for kind, sign in _SERVED:
        found = sign.search(text)
        if found is not None:
            return _Named(kind, found[1])
    return None


def _made(text: str, packages: str) -> _Named | None:
    """Return what such a function has made, or the function."""
    made = _MADE.search(text)
    if made is not None:
        kind = _kind_of(text) or _kind_of(packages)
        return None if kind is None else _Named(kind, made[1])
    maker, kind = _MAKER.search(text), _kind_of(text)
    if maker is None or kind is None:
        return None
    needs = [one for one in maker[2].split(",") if one.strip() and "=" not in one]
    return None if needs else _Named(kind, maker[1], is_maker=True)


def _kind_of(text: str) -> Kind | None:
    """Return which servers serve the apps of the first framework in *text*."""
    found = _FRAMEWORK.search(text)
    if found is None:
        return None
    return "flask" if found[0].lower() == "flask" else "asgi"


def _module(path: str, text: str) -> tuple[str, str]:
    """Return the name of the module at *path*, and the folder in which names begin.

    What it imports says where that is: whatever lies beside it by a dot, from a folder
    above it by that folder's name, or as if everything lay at the top.
    """
    *folders, name = path.removesuffix(".py").split("/")
    begin = 1 if folders[:1] == ["src"] else len(folders)
    if name == "__init__":
        name = folders.pop()
        begin = min(begin, len(folders))
    elif folders and _RELATIVE.search(text):
        begin = len(folders) - 1
    for depth, folder in enumerate(folders):
        if re.search(rf"^\s*(?:from|import)\s+{folder}\b", text, re.MULTILINE):
            begin = depth
            break
    return ".".join([*folders[begin:], name]), "/".join(folders[:begin])


def _python_app(served: _Served, files: Mapping[str, str], manifest: str) -> App:
    return App(
        served.kind,
        (VENV_PYTHON, *served.argv),
        reloads=False,
        manifests=_with_included(files, manifest),
        variables=served.variables,
    )


_INCLUDED = re.compile(
    r"^\s*(?:-[rc]|--requirement|--constraint)[ \t=]*(\S{1,300})", re.MULTILINE
)


def _with_included(files: Mapping[str, str], manifest: str) -> tuple[str, ...]:
    """Return *manifest* and the lists of packages that it includes."""
    found = [manifest]
    for path in found:  # it grows
        folder = posixpath.dirname(path)
        for name in _INCLUDED.findall(files[path]):
            place = posixpath.normpath(posixpath.join(folder, name))
            if place in files and place not in found:
                found.append(place)
    return tuple(found)


_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[\w\s,.-]*\])?[^\r\n]*")


def python_requirements(text: str) -> Sequence[str]:
    """Return the dependencies that a pyproject.toml declares.

    Raises:
        NoApp: It cannot be read, or a dependency is not one by name.

    """
    try:
        said = tomllib.loads(text)
        project: Any = said.get("project", {})
        dependencies = msgspec.convert(project.get("dependencies", []), list[str])
        if "project" not in said and "poetry" in said.get("tool", {}):
            raise NoApp(
                "pyproject.toml names its packages for Poetry alone: they have to be "
                "in [project], as dependencies."
            )
    except (tomllib.TOMLDecodeError, msgspec.MsgspecError, AttributeError) as exc:
        raise NoApp(f"pyproject.toml cannot be read: {exc}.") from exc
    for one in dependencies:
        if not _REQUIREMENT.fullmatch(one) or "@" in one:
            raise NoApp(f"pyproject.toml asks for {one!r}, which is not a package.")
    return dependencies
