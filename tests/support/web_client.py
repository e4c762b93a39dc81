"""Runs a script of the web client's package, such as ``check`` or ``test``.

Where its packages cannot be had it is skipped, and the reason is printed.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from standalone import web_build
from standalone.machine.node import find_node

WEB = Path(__file__).resolve().parents[2] / "services" / "web"


def main(script: str) -> int:
    """Run the npm script and return its exit code; 0 where it had to be skipped."""
    node = find_node()
    if node is None:
        return _skip(script, "there is no Node.js 22.12 or newer")
    failure = asyncio.run(web_build.install(WEB, node))
    if failure is not None:
        return _skip(script, failure)
    path = os.pathsep.join([str(node.folder), os.environ.get("PATH", os.defpath)])
    return subprocess.run(
        [node.node, node.npm, "run", "--silent", script],
        cwd=WEB,
        env={**os.environ, "PATH": path},
        check=False,
    ).returncode


def _skip(script: str, reason: str) -> int:
    sys.stdout.write(f"Skipped `npm run {script}` of services/web: {reason}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
