"""What drivers act on, and the plain values that they work with."""

from collections.abc import Callable, Iterator
from datetime import datetime

from msgspec import Struct

from agent.application.commands import Projects
from agent.application.limits import HouseLimits
from agent.application.operating import SandboxLimits
from agent.ports import Catalog, Ledger, Model, NewId, Sandbox
from eventcore.ports import Bus, LeaseStore


class DriverSettings(Struct, frozen=True):
    """Plain values that a driver works with."""

    owner: str
    """Names this process in the leases."""
    design_models: tuple[str, ...]
    """Who plans where a project says nothing: the first one, then its fallbacks."""
    write_models: tuple[str, ...]
    """Who writes where a project or a run says nothing."""
    lease_ttl_s: float = 10.0
    watch_s: float = 0.8
    """A stopped run is noticed after so long where the message about it is lost."""
    pause_s: float = 1.0
    """Before a call is made again that came to nothing; doubled each time."""
    patience_s: float = 5.0
    """Who has to wait longer leaves the run, and its place, until then."""
    longest_wait_s: float = 900.0
    """For a provider that wants no call for a while; who wants more ends the run."""
    sandbox: SandboxLimits = SandboxLimits()


class NotYet(Exception):
    """The run has to wait: nobody need drive it for *wait_s* seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"for {wait_s:.0f} s")
        self.wait_s = wait_s


def leaves(group: BaseExceptionGroup[NotYet]) -> Iterator[NotYet]:
    """Return what is in *group*, however deeply."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error


class World(Struct, frozen=True):
    """What a driver acts on."""

    projects: Projects
    leases: LeaseStore
    bus: Bus
    model: Model
    sandbox: Sandbox
    catalog: Catalog
    ledger: Ledger
    limits: HouseLimits
    new_id: NewId
    now: Callable[[], datetime]
    """The time, with its zone: waits that others go on with are told by it."""
