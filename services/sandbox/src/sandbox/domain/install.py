"""What has to be installed for an app, and with which commands.

The project's manifest files and the packages that the model asked for. The latter are
checked here again by the parser's own allow-list: what is not a plain install command
of named packages is left out.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from sandbox.domain.app import (
    SERVERS,
    VENV_PYTHON,
    App,
    python_requirements,
    read_package,
)
from scof import Command, Parser

_NODE_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock")
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
    for name in (*app.manifests, *_NODE_LOCKS):
        if name in files:
            sha.update(f"{name}\0{files[name]}\0".encode())
    for package in packages:
        sha.update(f"package\0{package}\0".encode())
    sha.update(app.kind.encode())
    return sha.hexdigest()


def steps(
    app: App, files: Mapping[str, str], packages: Sequence[str], *, with_uv: bool
) -> tuple[tuple[str, ...], ...]:
    """Return the commands to run one after the other; none where nothing is needed.

    Raises:
        NoApp: A manifest cannot be read.

    """
    if not app.manifests:
        return ()
    if app.kind in ("vite", "node"):
        package = read_package(files["package.json"])
        return (_npm(packages),) if packages or package.needs_packages else ()
    wanted = _python_wanted(app, files)
    if with_uv:
        return (
            ("uv", "venv", "--quiet", "--allow-existing", ".venv"),
            ("uv", "pip", "install", _WITHOUT_SOURCES, *wanted),
        )
    pip = (VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check")
    return (
        ("python", "-m", "venv", ".venv"),
        (*pip, "--no-input", _WITHOUT_SOURCES, *wanted),
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


def _python_wanted(app: App, files: Mapping[str, str]) -> tuple[str, ...]:
    manifest = app.manifests[0]
    server = SERVERS.get(app.kind, ())
    if manifest == "requirements.txt":
        return (*server, "-r", manifest)
    return (*server, *python_requirements(files[manifest]))


_NOISE = re.compile(
    r"npm (error|ERR!) (A complete log|code |.*\.log$)|^\s*$|^\[notice\]", re.MULTILINE
)
_SAYS_WHY = re.compile(r"^(?:npm (?:error|ERR!)|ERROR:|error:)\s*(?P<what>.+)$")


def reason(tail: str, code: int) -> str:
    """Return the line of an installer's output that says best what went wrong."""
    for line in tail.splitlines():
        found = _SAYS_WHY.match(line)
        if found and not _NOISE.match(line):
            return f"{found['what'].strip().rstrip('.')}."
    return f"it ended with exit code {code}."
