"""Projects on their way in: a zip, or a repository, becomes files of a project."""

from contextlib import AbstractAsyncContextManager
from uuid import UUID, uuid5

from api.application.errors import LimitReached
from api.application.projects.commands import Projects
from api.application.rate_limit import RateLimit
from api.application.waiting import WaitingRoom
from api.domain.file_content import encoding_of, told
from api.domain.intake import LeftOut, Taken, Unfit
from api.ports import Repositories, Unpacker
from contracts.project import ProjectCommand, SaveFile
from eventcore.errors import Rejected

_AT_ONCE = 3
"""Imports that are in memory, each of another person; fewer are unpacked at a time."""


class Imports:
    """Reads what comes, and saves each file as the person did who sent it."""

    def __init__(
        self,
        unpacker: Unpacker,
        repositories: Repositories,
        projects: Projects,
        fetches: RateLimit,
    ) -> None:
        """Let one person have repositories fetched as often as *fetches* says."""
        self._unpacker = unpacker
        self._repositories = repositories
        self._projects = projects
        self._fetches = fetches
        self._room = WaitingRoom(_AT_ONCE)

    def turn(self, user_id: UUID) -> AbstractAsyncContextManager[None]:
        """Return the turn of a person's zip, which is not read before it has one.

        Raises:
            Unavailable: When it is entered: too many are waiting.

        """
        return self._room.turn_of(str(user_id))

    async def zip(
        self, user_id: UUID, project_id: UUID, command_id: UUID, data: bytes
    ) -> Taken:
        """Save the files of a zip; what is left out comes back with the reason.

        Raises:
            Rejected: Nothing can be made of it, or there is no such project.
            Unavailable: A part does not answer; once more is safe.

        """
        try:
            taken = await self._unpacker.unzip(data)
        except Unfit as error:
            raise Rejected("invalid_message_data", str(error)) from error
        return await self._saved((user_id, project_id, command_id), taken)

    async def repository(
        self, place: tuple[UUID, UUID, UUID], url: str, ref: str | None
    ) -> Taken:
        """Save the files of a repository; *place* is as the arguments of `zip`.

        Raises:
            LimitReached: Too many have been fetched for this person.
            Rejected: As `zip`.
            Unavailable: As `zip`.

        """
        wait_s = self._fetches.take(str(place[0]))
        if wait_s:
            raise LimitReached(wait_s)
        async with self.turn(place[0]):
            try:
                head, pack = await self._repositories.fetch(url, ref)
                taken = await self._unpacker.check_out(pack, head)
            except Unfit as error:
                raise Rejected("invalid_message_data", str(error)) from error
            return await self._saved(place, taken)

    async def _saved(self, place: tuple[UUID, UUID, UUID], taken: Taken) -> Taken:
        commands: dict[str, ProjectCommand] = {}
        for path, data in taken.files.items():
            encoding = encoding_of(data)
            file_id = uuid5(place[2], f"file {path}")
            content = told(data, encoding)
            commands[path] = SaveFile(file_id, path, content, encoding)
        refused = await self._projects.execute_all(*place, commands)
        left_out = [LeftOut(path, reason) for path, reason in refused.items()]
        kept = {path: one for path, one in taken.files.items() if path not in refused}
        return Taken(kept, [*taken.left_out, *left_out])
