"""What nearly all that is about one project begins with: who asks, and for which."""

from uuid import UUID

from api.domain.project_fold import ProjectRow
from api.entrypoints.http.errors import AnyRequest, missing
from api.entrypoints.http.parameters import id_in_path
from api.entrypoints.http.security import Caller, Security
from api.ports import ProjectViews


class OwnProjects:
    """Finds the project that a path names, for its owner and nobody else."""

    def __init__(self, security: Security, views: ProjectViews) -> None:
        self._security = security
        self._views = views

    async def id(self, request: AnyRequest, project_id: str) -> tuple[Caller, UUID]:
        """Return who asks, and the id of the project.

        Raises:
            HttpError: As `Security.caller`; 404, there is none, or it is not theirs.
            Unavailable: The database does not answer.

        """
        caller, project = await self.project(request, project_id)
        return caller, project.id

    async def project(
        self, request: AnyRequest, project_id: str
    ) -> tuple[Caller, ProjectRow]:
        """Return who asks, and the project; otherwise as `id`."""
        caller = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        found = await self._views.project(caller.id, id_)
        if found is None:
            raise missing(request)
        return caller, found
