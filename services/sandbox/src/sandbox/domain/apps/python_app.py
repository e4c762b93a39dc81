"""Python apps: which module names what is served, and what has to be installed."""

import posixpath
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from sandbox.domain.apps.app import PORT, App, Kind, NoApp

_MODULES = ("main", "app", "server", "asgi", "wsgi", "__init__")
_DEEPER = re.compile(
    rf"(?:src/)?(?!tests?/)[A-Za-z]\w{{0,60}}/({'|'.join(_MODULES)})\.py"
)
"""Those of Python that may name what is served, where nothing at the top does."""
_MOST_DEEPER = 20
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


def deeper_modules(paths: Collection[str]) -> list[str]:
    """Return the modules in folders that may name what is served, likeliest first."""
    found = filter(None, map(_DEEPER.fullmatch, paths))
    deeper = sorted((_MODULES.index(one[1]), one[0]) for one in found)
    return [path for _, path in deeper[:_MOST_DEEPER]]


def python_app(files: Mapping[str, str]) -> App | None:
    """Return how to run a Python app; None where there is none.

    Raises:
        NoApp: There is one, but not how to start it.

    """
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
    for path in deeper_modules(files):
        served = _served(path, files[path], packages)
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
