"""What a sandbox is made of, and what it shows."""

from asyncio import TaskGroup

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
