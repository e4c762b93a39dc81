"""All supervised processes together, in the order in which they need each other."""

import asyncio
from enum import IntEnum
from pathlib import Path

from standalone.errors import CannotStart
from standalone.program import Program
from standalone.services import Service
from standalone.supervision.console import Console
from standalone.supervision.probe import ask, is_ready
from standalone.supervision.supervisor import Probe, Supervised

_TELL_EVERY_S = 10.0
_DEATHS_TO_TELL = 5


class Stage(IntEnum):
    """Who stands on whom: a stage is stopped when all above it are gone."""

    SERVERS = 0
    TOOLS = 1
    """What the agent uses until its last step: sandbox and demo model."""
    SERVICES = 2


class Crew:
    """Starts processes and stops them all, the last stage first."""

    def __init__(self, tasks: asyncio.TaskGroup, logs: Path, console: Console) -> None:
        self._tasks = tasks
        self._logs = logs
        self._console = console
        self._stages: dict[Stage, list[Supervised]] = {stage: [] for stage in Stage}
        self._services: dict[str, Service] = {}
        self._is_starting = True
        self._hopeless: asyncio.Queue[Supervised] = asyncio.Queue()

    def start(
        self, stage: Stage, program: Program, probe: Probe, *, quiet: bool = False
    ) -> Supervised:
        """Start a process and keep it running."""
        supervised = Supervised(
            program,
            probe=probe,
            logs=self._logs,
            console=self._console,
            quiet=quiet,
            goes_on=self._goes_on,
        )
        self._stages[stage].append(supervised)
        self._tasks.create_task(supervised.run())
        return supervised

    def start_service(self, stage: Stage, service: Service) -> None:
        """Start a process of ours, which says at /ready when it is."""
        self._services[service.program.name] = service
        self.start(stage, service.program, lambda: is_ready(service.http_port))

    async def refuse_hopeless(self) -> None:
        """Wait for a process that dies again and again before all were ready once.

        Raises:
            CannotStart: There is one; the sentence names its log.

        """
        one = await self._hopeless.get()
        raise CannotStart(
            f"{one.name} does not start, it died {one.deaths} times in a row: "
            f"{one.output.file} says why."
        )

    async def wait_ready(self) -> None:
        """Wait until all are ready, telling now and then for whom.

        From then on nothing that dies ends the others.
        """
        while waiting := [one for one in self._everybody() if not one.ready.is_set()]:
            try:
                async with asyncio.timeout(_TELL_EVERY_S):
                    for one in waiting:
                        await one.ready.wait()
            except TimeoutError:
                await self._tell([one for one in waiting if not one.ready.is_set()])
        self._is_starting = False

    async def stop(self) -> None:
        """Stop stage after stage, each at once."""
        for stage in reversed(Stage):
            async with asyncio.TaskGroup() as tasks:
                for supervised in self._stages[stage]:
                    tasks.create_task(supervised.stop())

    def kill(self) -> None:
        """End everybody at once."""
        for supervised in self._everybody():
            supervised.kill()

    def _goes_on(self, dead: Supervised) -> bool:
        if dead.deaths != _DEATHS_TO_TELL:
            return True
        if self._is_starting:
            self._hopeless.put_nowait(dead)
            return False
        self._console.say(
            f"{dead.name} has died {dead.deaths} times in a row: read "
            f"{dead.output.file}. Everything else goes on."
        )
        return True

    def _everybody(self) -> list[Supervised]:
        return [one for stage in self._stages.values() for one in stage]

    async def _tell(self, waiting: list[Supervised]) -> None:
        reasons = []
        for one in waiting:
            service = self._services.get(one.name)
            said = (await ask(service.http_port, "/ready"))[1] if service else ""
            reasons.append(f"{one.name} ({said.strip() or 'no answer yet'})")
        self._console.say(f"Still waiting for {', '.join(reasons)}")
