"""A project's log in the hands of the driver that holds its lease."""

import asyncio
import random
from collections.abc import Callable
from uuid import UUID

from agent.application import metrics
from agent.application.commands import Projects
from agent.domain.run_state import Run
from agent.domain.state import Project
from chassis import tracing
from chassis.failpoints import fp
from contracts.envelope import Context
from contracts.project import Actor, ProjectEvent
from eventcore.errors import Unavailable, WrongExpectedVersion
from eventcore.execute import Versioned
from eventcore.ports import Lease

AGENT = Actor("service", "agent")
_PAUSE_S = 0.2
"""Before the same is tried again, with the database away or the project busy."""


class RunOver(Exception):
    """The run has ended, by a person's hand: nothing of it matters any more."""


class RunLog:
    """The newest state that is known, and appends under the lease's epoch."""

    def __init__(
        self, projects: Projects, lease: Lease, current: Versioned[Project]
    ) -> None:
        self._projects = projects
        self._lease = lease
        self._current = current

    @property
    def project_id(self) -> UUID:
        """Whose log it is."""
        return self._lease.stream

    @property
    def epoch(self) -> int:
        """The fencing token."""
        return self._lease.epoch

    @property
    def project(self) -> Project:
        """The state that is known."""
        return self._current.state

    def is_on(self, run_id: UUID) -> bool:
        """Tell whether the run is still under way."""
        run = self.project.run
        return run is not None and run.id == run_id

    def run(self, run_id: UUID) -> Run:
        """Return the run.

        Raises:
            RunOver: It is no longer under way.

        """
        run = self.project.run
        if run is None or run.id != run_id:
            raise RunOver
        return run

    async def refresh(self) -> None:
        """Learn what others have appended.

        Raises:
            Unavailable: The database does not answer.

        """
        self._learn(await self._projects.load(self.project_id))

    async def record(self, outcome: Callable[[Project], list[ProjectEvent]]) -> None:
        """Append what *outcome* makes of the newest state, if it makes anything.

        When somebody else was first, the outcome is asked again. While the database
        is away this waits; the end of the lease ends the wait.

        Raises:
            Fenced: Another driver holds the lease: stop.

        """
        while True:
            current = self._current
            events = outcome(current.state)
            if not events:
                return
            fp("driver.before_append")
            try:
                after = await self._append(current, events)
            except WrongExpectedVersion:
                await self._catch_up()
            except Unavailable:
                await _pause()
            else:
                fp("driver.after_append")
                for event in events:
                    metrics.count(event)
                self._learn(after)
                return

    async def _append(
        self, current: Versioned[Project], events: list[ProjectEvent]
    ) -> Versioned[Project]:
        run = current.state.run
        context = Context(
            actor=AGENT,
            correlation_id=run.id if run else None,
            traceparent=tracing.current(),
        )
        return await self._projects.append(
            self.project_id, current, events, context=context, epoch=self.epoch
        )

    async def _catch_up(self) -> None:
        try:
            await self.refresh()
        except Unavailable:
            await _pause()

    def _learn(self, current: Versioned[Project]) -> None:
        # Somebody who only listens may have learnt more in the meantime.
        if current.version >= self._current.version:
            self._current = current


async def _pause() -> None:
    await asyncio.sleep(_PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
