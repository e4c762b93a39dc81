"""`python -m standalone.demo_model --port 8080`: runs until a signal ends it."""

import argparse
import asyncio
import os
import sys

from chassis.process import run, serve
from standalone.demo_model.library import load
from standalone.demo_model.server import create_app

_PACE = "DEMO_CHARACTERS_PER_SECOND"


def main() -> int:
    """Serve the demo model; return the exit code."""
    parser = argparse.ArgumentParser(prog="standalone.demo_model", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--characters-per-second",
        type=float,
        default=os.environ.get(_PACE, "900"),
        help="pace of a streamed answer; 0: as fast as it is read "
        f"(default: the variable {_PACE}, or 900)",
    )
    options = parser.parse_args()
    if options.characters_per_second < 0:
        parser.error("--characters-per-second must not be negative")

    async def live(stopping: asyncio.Event) -> None:
        app = create_app(
            load(),
            characters_per_second=options.characters_per_second,
            stopping=stopping,
        )
        await serve(app, host=options.host, port=options.port, stopping=stopping)

    return run("demo-model", live)


if __name__ == "__main__":
    sys.exit(main())
