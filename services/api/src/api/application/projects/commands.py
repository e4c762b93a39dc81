"""Commands for the agent, and the wait until what they did can be read."""

import asyncio
from collections.abc import Mapping
from uuid import UUID, uuid5

from api.application.catch_up import CatchUp
from api.ports import Agent, ProjectViews
from chassis import logs
from contracts.project import Actor, ProjectCommand
from contracts.requests import Accepted, CommandRequest
from eventcore.errors import Rejected, Unavailable

_DECISION_S = 6.0
"""For all attempts together: as long as an agent takes to start, and a bit."""
_FIRST_PAUSE_S = 0.1
_LAST_PAUSE_S = 0.8
_FIRST_LOOK_S = 0.004
_LAST_LOOK_S = 0.05

_log = logs.get(__name__)


class Projects:
    """Changes projects through the agent, so that a client reads what it wrote."""

    def __init__(
        self,
        agent: Agent,
        views: ProjectViews,
        catch_up: CatchUp,
        *,
        wait_s: float = 2.0,
    ) -> None:
        self._agent = agent
        self._views = views
        self._catch_up = catch_up
        self._wait_s = wait_s

    async def execute(
        self, user_id: UUID, project_id: UUID, command_id: UUID, command: ProjectCommand
    ) -> Accepted:
        """Have *command* decided; return when the read model shows what it did.

        Raises:
            Rejected: The answer is no.
            Unavailable: The outcome is unknown, or not to be read yet. The same
                command id again is safe.

        """
        actor = Actor("user", str(user_id))
        request = CommandRequest(command_id, project_id, actor, command)
        accepted = await self._decided(request)
        await self._shown(project_id, accepted.version)
        return accepted

    async def execute_all(
        self,
        user_id: UUID,
        project_id: UUID,
        command_id: UUID,
        commands: Mapping[str, ProjectCommand],
    ) -> dict[str, str]:
        """Have *commands*, by a name for each, decided in order, as parts of one thing.

        What does not fit is left out: its name is returned with the reason.

        Raises:
            Rejected: The answer is no, whatever the command.
            Unavailable: As `execute`; what was decided is not decided anew then.

        """
        actor, version = Actor("user", str(user_id)), 0
        left_out: dict[str, str] = {}
        for name, command in commands.items():
            id_ = uuid5(command_id, name)
            request = CommandRequest(id_, project_id, actor, command, command_id)
            try:
                version = (await self._decided(request)).version
            except Rejected as refused:
                if refused.code != "invalid_message_data":
                    raise
                left_out[name] = refused.message
        await self._shown(project_id, version)
        return left_out

    async def catch_up(self, project_id: UUID) -> None:
        """Return when the read model shows all that the log has.

        Raises:
            Unavailable: The database or the agent does not answer.

        """
        await self._catch_up.project(project_id)

    async def _decided(self, request: CommandRequest) -> Accepted:
        """Ask again under the same id while the outcome is unknown."""
        try:
            async with asyncio.timeout(_DECISION_S):
                return await self._asked(request)
        except TimeoutError as error:
            raise Unavailable("no agent has decided in time") from error

    async def _asked(self, request: CommandRequest) -> Accepted:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self._agent.command(request)
            except Unavailable as error:
                _log.info("asking again", reason=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(_LAST_PAUSE_S, pause_s * 2)

    async def _shown(self, project_id: UUID, version: int) -> None:
        """Wait for the projector; where it is late, fold what is missing here."""
        try:
            async with asyncio.timeout(self._wait_s / 2):
                return await self._reached(project_id, version)
        except TimeoutError:
            pass
        try:
            async with asyncio.timeout(self._wait_s / 2):
                return await self._catch_up.project(project_id)
        except TimeoutError as error:
            raise Unavailable("what was written cannot be read yet") from error

    async def _reached(self, project_id: UUID, version: int) -> None:
        pause_s = _FIRST_LOOK_S
        while await self._views.position(project_id) < version:
            await asyncio.sleep(pause_s)
            pause_s = min(_LAST_LOOK_S, pause_s * 2)
