"""Projects on their way out: their files, and their history."""

from typing import BinaryIO
from uuid import UUID

from api.application.waiting import WaitingRoom
from api.domain.project_fold import ProjectRow
from api.domain.revision import Chronicle
from api.ports import Agent, Archives, History, Person, ProjectViews, TooLarge
from contracts import public
from eventcore.errors import Rejected


class Exports:
    """Makes archives, a few at a time."""

    def __init__(self, agent: Agent, views: ProjectViews, archives: Archives) -> None:
        self._agent = agent
        self._views = views
        self._archives = archives
        self._room = WaitingRoom()

    async def files(self, project: ProjectRow, folder: str) -> BinaryIO:
        """Return a zip of a project's files.

        Raises:
            Rejected: There is no room for it.
            Unavailable: The database does not answer, or too many wait.

        """
        async with self._room.turn():
            files = await self._views.files(project.user_id, project.id)
            try:
                return await self._archives.files(folder, files)
            except TooLarge as error:
                raise Rejected("invalid_message_data", str(error)) from error

    async def history(self, project: ProjectRow, owner: Person) -> BinaryIO:
        """Return a git bundle of all that has happened to a project's files.

        Raises:
            Rejected: It would be too large, or the project is gone.
            Unavailable: No agent answers, or too many wait.

        """
        async with self._room.turn():
            history = self._archives.history(owner)
            try:
                await self._write(project.user_id, project.id, history)
                return await history.finish()
            except TooLarge as error:
                history.close()
                raise Rejected("invalid_message_data", str(error)) from error
            except BaseException:
                history.close()
                raise

    async def _write(self, user_id: UUID, project_id: UUID, history: History) -> None:
        chronicle = Chronicle()
        after = 0
        while True:
            page = await self._agent.history(project_id, after, user_id=user_id)
            if not page.events:
                break
            revisions = [
                revision
                for recorded in page.events
                for revision in chronicle.feed(recorded, public.event_of(recorded))
            ]
            await history.add(revisions)
            after = page.events[-1].seq
        await history.add(chronicle.finish())
