"""A project's settings, changed one by one though the log knows them as a whole."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid5

from msgspec import structs

from api.application.projects.commands import Projects
from api.ports import Agent
from contracts.project import ProjectSettings, UpdateSettings
from eventcore.errors import Rejected

_ATTEMPTS = 5


class SettingsOfProjects:
    """Reads settings where they are decided, so that nobody's change is lost."""

    def __init__(self, agent: Agent, projects: Projects) -> None:
        self._agent = agent
        self._projects = projects

    async def of(self, user_id: UUID, project_id: UUID) -> ProjectSettings:
        """Return the settings of a project of this user.

        Raises:
            Rejected: There is no such project, or it is somebody else's.
            Unavailable: No agent answers.

        """
        return (await self._agent.project(project_id, user_id)).settings

    async def change(
        self,
        user_id: UUID,
        project_id: UUID,
        command_id: UUID,
        changes: Mapping[str, Any],
    ) -> ProjectSettings:
        """Put *changes* over the settings as they are; return what they are then.

        Raises:
            Rejected: As `of`, a change does not fit, or others change them all
                the time.
            Unavailable: As `Projects.execute`.

        """
        return await self._change((user_id, project_id, command_id), changes)

    async def tell_variables(
        self, user_id: UUID, project_id: UUID, command_id: UUID, names: Iterable[str]
    ) -> None:
        """Record that the app has these variables, or other values for them.

        Raises:
            Rejected: As `change`.
            Unavailable: As `change`.

        """
        changes = {"variables": dict.fromkeys(names, "")}
        await self._change((user_id, project_id, command_id), changes, always=True)

    async def _change(
        self,
        place: tuple[UUID, UUID, UUID],
        changes: Mapping[str, Any],
        *,
        always: bool = False,
    ) -> ProjectSettings:
        """Change settings; *always*: record it though they are the same already."""
        user_id, project_id, command_id = place
        for attempt in range(_ATTEMPTS):
            current = await self.of(user_id, project_id)
            wanted = structs.replace(current, **changes)
            if wanted == current and not always:
                return current
            # Each attempt decides on other settings: it is a command of its own.
            command = uuid5(command_id, str(attempt))
            update = UpdateSettings(wanted, expected=current)
            try:
                accepted = await self._projects.execute(
                    user_id, project_id, command, update
                )
            except Rejected as refused:
                if refused.code != "conflict":
                    raise
            else:
                return accepted.project.settings
        raise Rejected("conflict", "Others are changing these settings: try again")
