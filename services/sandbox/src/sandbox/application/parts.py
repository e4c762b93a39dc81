"""What a sandbox is made of, what it shows, and how long nobody has looked."""

import time
from asyncio import TaskGroup
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from sandbox.application.loads import Loads
from sandbox.application.output import Outputs
from sandbox.application.pool import Pool
from sandbox.domain.apps.app import App
from sandbox.ports import (
    Browser,
    Pictures,
    Process,
    ProjectFiles,
    Runtime,
    Templates,
)


class Parts(Struct, frozen=True):
    """What all sandboxes have in common."""

    runtime: Runtime
    source: ProjectFiles
    outputs: Outputs
    browser: Browser
    tasks: TaskGroup
    """For what goes on after a step is over."""
    templates: Templates | None = None
    """Packages that are there before they are asked for."""
    pool: Pool | None = None
    """Sandboxes that run before they are asked for."""
    pictures: Pictures | None = None
    """How apps look, where there are several controllers."""


class Site(Struct, frozen=True):
    """Where a preview is seen."""

    url: str
    host: str

    @property
    def is_secure(self) -> bool:
        """Whether browsers let a page there do what they let pages over TLS do."""
        name = self.host.partition(":")[0]
        return self.url.startswith("https:") or name.endswith(".localhost")


class Use:
    """When somebody has wanted something of a sandbox, and whether somebody does."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self._joined = 0

    def touch(self) -> None:
        """Take note that somebody wants something now."""
        self.last = time.monotonic()

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Count as somebody who wants it all the time."""
        self._joined += 1
        try:
            yield
        finally:
            self._joined -= 1
            self.touch()

    def is_over(self, seconds: float) -> bool:
        """Tell whether nobody has wanted anything for so long."""
        return not self._joined and time.monotonic() - self.last > seconds


class Server(Struct, frozen=True):
    """An app that answers."""

    app: App
    process: Process | None
    """None where the files are served as they are."""
    variables: dict[str, str]
    since: float
    loads: Loads
    """What its page loads."""

    def shows(self, app: App, variables: dict[str, str]) -> bool:
        """Tell whether files of *app* that have changed are seen without a restart."""
        return app == self.app and app.reloads and variables == self.variables
