"""What has to be installed for an app, and with which commands.

The project's manifest files and the packages that the model asked for. The latter are
checked here again by the parser's own allow-list: what is not a plain install command
of named packages is left out.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from sandbox.domain.apps.app import App
from sandbox.domain.apps.node_app import SEVERAL
from sandbox.domain.apps.package import Package, read_package
from sandbox.domain.apps.python_app import SERVERS, VENV_PYTHON, python_requirements
from sandbox.domain.apps.template import Template, View, best_view
from sandbox.domain.ending import ending
from scof import Command, Parser

MODULES = "node_modules"
"""Where packages are looked for."""
SEED = "package-lock.json"
"""Where a template's lock file lies while packages are added to it."""
_NPM_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
_BUN_LOCKS = ("bun.lock", "bun.lockb", "pnpm-lock.yaml")
"""Locks that bun reads and npm does not."""
NODE_LOCKS = (*_NPM_LOCKS, *_BUN_LOCKS, "yarn.lock")
_WITHOUT_SOURCES = "--only-binary=:all:"
"""No package's own code runs during an install, as with npm's `--ignore-scripts`."""


def requested_packages(commands: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the packages of install commands, in order and without repeats.

    A command that the parser of models' answers would not let pass counts as none.
    """
    names: dict[str, None] = {}
    for argv in commands:
        line = " ".join(argv)
        for event in Parser().feed(f"{line}\n"):
            if isinstance(event, Command) and list(event.argv) == list(argv):
                packages = (one for one in argv[2:] if not one.startswith("-"))
                names.update(dict.fromkeys(packages))
    return tuple(names)


def digest(app: App, files: Mapping[str, str], packages: Sequence[str]) -> str:
    """Return what names the outcome of an install: the same again is nothing to do."""
    if not app.manifests:
        return ""
    sha = hashlib.sha256()
    for name in (*app.manifests, *NODE_LOCKS):
        if name in files:
            sha.update(f"{name}\0{files[name]}\0".encode())
    for package in packages:
        sha.update(f"package\0{package}\0".encode())
    sha.update(app.kind.encode())
    return sha.hexdigest()


class Tools(Struct, frozen=True):
    """What packages can be installed with, beside npm and pip."""

    uv: bool = False
    bun: bool = False


class Plan(Struct, frozen=True):
    """One way of installing what an app needs."""

    steps: tuple[tuple[str, ...], ...] = ()
    """Commands to run one after the other."""
    view: View | None = None
    """What is laid below `node_modules` before; None: it begins empty."""
    note: str = ""
    """What a person should know about it."""

    @property
    def seed(self) -> str | None:
        """The lock file that the commands are to find, beside the project's own."""
        return self.view.template.lock if self.view and self.steps else None


def plans(
    app: App,
    files: Mapping[str, str],
    packages: Sequence[str],
    tools: Tools,
    templates: Iterable[Template] = (),
) -> tuple[Plan, ...]:
    """Return the ways to install, best first; none where nothing is needed.

    Each but the first is for when the one before has failed.

    Raises:
        NoApp: A manifest cannot be read.

    """
    if not app.manifests:
        return ()
    if app.kind in ("vite", "node"):
        package = read_package(files["package.json"])
        has_parts = SEVERAL in files
        if not packages and not package.needs_packages and not has_parts:
            return ()
        return _node_plans(package, files, packages, tools, templates)
    make: tuple[str, ...] = ("python", "-m", "venv", ".venv")
    pip: tuple[str, ...] = (VENV_PYTHON, "-m", "pip", "install", "--no-input")
    pip = (*pip, "--disable-pip-version-check")
    if tools.uv:
        make = ("uv", "venv", "--quiet", "--allow-existing", ".venv")
        pip = ("uv", "pip", "install")
    wanted = _python_wanted(app, files)
    return (Plan((make, *((*pip, _WITHOUT_SOURCES, *some) for some in wanted))),)


def _node_plans(
    package: Package,
    files: Mapping[str, str],
    packages: Sequence[str],
    tools: Tools,
    templates: Iterable[Template],
) -> tuple[Plan, ...]:
    view = _best(package, files, packages, templates)
    if view is not None and not view.missing:
        return (Plan(view=view), Plan((_npm(packages),)))
    unread = next((one for one in _BUN_LOCKS if one in files), None)
    note = f"npm cannot read {unread}: it is not used." if unread else ""
    npm = Plan((_npm(packages),), note=note)
    if not tools.bun:
        return (npm,) if view is None else (Plan(npm.steps, view), npm)
    fast = Plan((_bun(packages),), view)
    return (fast, npm)


def _best(
    package: Package,
    files: Mapping[str, str],
    packages: Sequence[str],
    templates: Iterable[Template],
) -> View | None:
    """Return what a template can give, None where an install has to do it all."""
    if package.workspaces is not None or SEVERAL in files:
        return None
    locks = [name for name in NODE_LOCKS if name in files]
    if locks:
        # Exactly what a lock file says, or nothing: its versions were chosen.
        if len(locks) > 1 or locks[0] not in _NPM_LOCKS or packages:
            return None
        found = (one.locked_view(files[locks[0]]) for one in templates)
        return best_view(view for view in found if view is not None)
    wanted = {**package.wanted, **dict(map(named, packages))}
    return best_view(one.view(wanted) for one in templates)


def named(package: str) -> tuple[str, str]:
    """Return name and range of an argument such as `@scope/name@1.2.3`."""
    at = package.find("@", 1)
    return (package, "") if at < 0 else (package[:at], package[at + 1 :])


def _bun(packages: Sequence[str]) -> tuple[str, ...]:
    """Return bun's command; it reads the lock files of npm, pnpm and yarn too.

    The project's own files are left as they are.
    """
    verb = "add" if packages else "install"
    return (
        *("bun", verb, "--ignore-scripts", "--linker=hoisted", "--no-save"),
        *("--no-progress", *packages),
    )


def _npm(packages: Sequence[str]) -> tuple[str, ...]:
    """Return npm's command; the project's own files are left as they are.

    npm reads the lock file of yarn as well as its own. `npm ci` is not used: it
    refuses lock files that npm itself has made.
    """
    extra = ("--no-save", "--", *packages) if packages else ()
    return (
        *("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"),
        *("--prefer-offline", "--no-update-notifier", *extra),
    )


def exactly() -> tuple[str, ...]:
    """Return the command that installs what a package-lock.json says."""
    return _npm(())


_HASHED = re.compile(
    r"--hash|--require-hashes|^\s*(?:-r|--requirement)\b", re.MULTILINE
)


def _python_wanted(app: App, files: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Return what is to be installed, one installation after the other."""
    manifest = app.manifests[0]
    server = SERVERS.get(app.kind, ())
    if manifest != "requirements.txt":
        return ((*server, *python_requirements(files[manifest])),)
    if server and _HASHED.search(files[manifest]):
        # Beside packages that have hashes none is taken that has not.
        return ("-r", manifest), server
    return ((*server, "-r", manifest),)


_NOISE = re.compile(
    r"npm (error|ERR!) (A complete log|code |.*\.log$)|^\s*$|^\[notice\]", re.MULTILINE
)
_SAYS_WHY = re.compile(r"^(?:npm (?:error|ERR!)|ERROR:|error:)\s*(?P<what>.+)$")


_TAMPERED = re.compile(
    r"IntegrityCheckFailed|EINTEGRITY|DO NOT MATCH THE HASHES|Hash mismatch"
)


def is_tampered(tail: str) -> bool:
    """Tell whether an installer has got another thing than a lock file names.

    Then no other way is taken: it might not look at that lock file at all.
    """
    return _TAMPERED.search(tail) is not None


def reason(tail: str, code: int, cause: str = "") -> str:
    """Return the line of an installer's output that says best what went wrong.

    Where it was ended for a *cause*, that is what went wrong.
    """
    if cause:
        return f"{cause}."
    for line in tail.splitlines():
        found = _SAYS_WHY.match(line)
        if found and not _NOISE.match(line):
            return f"{found['what'].strip().rstrip('.')}."
    return f"it ended: {ending(code)}."
