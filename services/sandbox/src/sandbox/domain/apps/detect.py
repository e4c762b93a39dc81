"""What kind of app a folder holds: how it is installed and how it is started.

One pure function over the text of a few files, most of them at the top of the folder.
The order is that of how sure a sign is: `package.json`, then Python's manifests, then
`index.html`.
"""

import re
from collections.abc import Iterable, Mapping

from sandbox.domain.apps.app import App, NoApp
from sandbox.domain.apps.node_app import PARTS, node_app
from sandbox.domain.apps.package import read_package
from sandbox.domain.apps.python_app import deeper_modules, python_app

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
_LISTS = re.compile(r"(?:requirements/)?[\w.-]{1,80}\.(?:txt|in)")
"""Those that a requirements.txt may include."""
_MOST = 50
_PAGE = "index.html"
_PAGES = re.compile(rf"(?!node_modules/)[A-Za-z][\w.-]{{0,60}}/{_PAGE}")
"""A plain page that does not lie at the top."""


def looked_at(paths: Iterable[str]) -> list[str]:
    """Return those of a project's files whose text `detect` wants to see."""
    own = set(paths)

    def some(kind: re.Pattern[str]) -> list[str]:
        return sorted(filter(kind.fullmatch, own - {*_TOP}))[:_MOST]

    return [
        *(path for path in _TOP if path in own),
        *deeper_modules(own),
        *(some(PARTS) if "package.json" in own else ()),
        *(some(_LISTS) if "requirements.txt" in own else ()),
        *(some(_PAGES) if _PAGE not in own else ()),
    ]


def detect(files: Mapping[str, str]) -> App:
    """Return how to run the app whose files of `looked_at` have these texts.

    Raises:
        NoApp: There is nothing that could be run, or a manifest cannot be read.

    """
    if "package.json" in files:
        app = node_app(read_package(files["package.json"]), files)
        if app is not None:
            return app
    app = python_app(files)
    if app is not None:
        return app
    if _PAGE in files:
        return App("static")
    pages = [path for path in files if _PAGES.fullmatch(path)]
    if len(pages) == 1:
        return App("static", folder=pages[0].partition("/")[0])
    if "package.json" in files:
        raise NoApp('package.json has neither a "dev" nor a "start" script.')
    raise NoApp(
        "There is nothing to run: no package.json, no Python app and no index.html."
    )
