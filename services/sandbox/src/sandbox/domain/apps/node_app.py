"""Apps that npm, or one of its rivals, installs: which command starts them."""

import re
import shlex
from collections.abc import Mapping

from sandbox.domain.apps.app import PORT, App
from sandbox.domain.apps.package import Package

PARTS = re.compile(r"(?!.*\bnode_modules/)(?:[\w@.-]{1,80}/){1,4}package\.json")
"""Those of the packages that a project of several is made of."""
SEVERAL = "pnpm-workspace.yaml"
"""Where pnpm, and nobody else, wants to read which packages those are."""

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
_RUNS = re.compile(r"(?:pnpm|yarn|bun)(?:\s+run)?\s+(?P<name>[\w:.-]{1,100})")
_BEFORE_VITE = re.compile(
    r"(?:npx|bunx|bun|pnpm|yarn)(?:\s+(?:--bun|run|x|exec))*\s+(?=vite(?:\s|$))"
)
"""What some write before it, and what runs it as well without."""
_VITE = "node_modules/vite/bin/vite.js"
_OURS = {"--host": 1, "--port": 1, "--strictPort": 0, "--open": 0}
"""Vite's options that we set, and how many words follow each."""


def node_app(package: Package, files: Mapping[str, str]) -> App | None:
    """Return how to run such an app; None where nothing says how it starts."""
    scripts = {name: text.strip() for name, text in package.scripts.items()}
    if "server.js" in files:
        scripts.setdefault("start", "node server.js")  # npm does that by itself
    name = next((one for one in ("dev", "start") if scripts.get(one)), None)
    name = None if name is None else _meant(scripts, name)
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
    is_for_bun = script.startswith("bun ") and not _SHELL.search(script)
    words = _words(script) if is_for_bun else ()
    return App(
        "node",
        words or ("npm", "run", "--silent", name),
        reloads=_watches(script),
        manifests=manifests,
    )


def _node_manifests(package: Package, files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files that name packages: of a project of several, those of each."""
    if not package.workspaces and SEVERAL not in files:
        return ("package.json",)
    several = (path for path in files if PARTS.fullmatch(path))
    whole = (SEVERAL,) if SEVERAL in files else ()
    return ("package.json", *whole, *sorted(several))


def _meant(scripts: Mapping[str, str], name: str) -> str:
    """Return the script that runs in the end, if others are run by npm's rivals.

    What a lock file of theirs has installed runs without them, and they are not there.
    """
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        found = _RUNS.fullmatch(scripts[name])
        next_ = "" if found is None else found["name"]
        if not scripts.get(next_) or f"pre{name}" in scripts:
            break
        name = next_
    return name


def _words(script: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(script))
    except ValueError:
        return ()


def _is_plain_vite(script: str) -> bool:
    """Tell whether *script* starts Vite's dev server and nothing else.

    Its own file is then run without npm in between, which costs a fraction of a second.
    """
    words = _BEFORE_VITE.sub("", script).split()
    if words[0] != "vite" or _SHELL.search(script):
        return False
    return len(words) == 1 or words[1] not in ("build", "preview", "optimize")


def _vite_options(script: str) -> tuple[str, ...]:
    """Return the options of a script `vite ...` without those that we set."""
    words = _words(_BEFORE_VITE.sub("", script))[1:]
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
