"""Variables and secrets of apps: sealed when they come, opened for the sandbox."""

from uuid import UUID

from api.application.projects.settings import SettingsOfProjects
from api.domain.variable import MAX_VARIABLES, NewVariable, Variable, context_of
from api.ports import NotOurs, Seal, Vault
from chassis import logs
from contracts.requests import Variables
from eventcore.errors import Rejected

_log = logs.get(__name__)


class VariablesOfApps:
    """Keeps values, and has the project's log say which names there are.

    That event is what makes a sandbox ask for the values, and start its app anew.
    """

    def __init__(self, vault: Vault, seal: Seal, settings: SettingsOfProjects) -> None:
        self._vault = vault
        self._seal = seal
        self._settings = settings

    async def all(self, user_id: UUID, project_id: UUID) -> list[Variable]:
        """Return the variables of a project of this user.

        Raises:
            Unavailable: The database does not answer.

        """
        return await self._vault.all(user_id, project_id)

    def shown(self, project_id: UUID, variable: Variable) -> str | None:
        """Return the value, if it is no secret and can be opened here."""
        return None if variable.secret else self._opened(project_id, variable)

    async def put(
        self,
        place: tuple[UUID, UUID, str],
        command_id: UUID,
        value: str,
        *,
        secret: bool,
    ) -> Variable:
        """Keep a variable of a project of this user; *place* ends with its name.

        Raises:
            Rejected: There are too many.
            Unavailable: A part does not answer; once more is safe.

        """
        user_id, project_id, name = place
        sealed = self._seal.close(value.encode(), context_of(project_id, name))
        variable = NewVariable(project_id, user_id, name, sealed, secret)
        kept = await self._vault.put(variable, MAX_VARIABLES)
        if kept is None:
            reason = f"A project has at most {MAX_VARIABLES} variables"
            raise Rejected("conflict", reason)
        await self._tell(user_id, project_id, command_id)
        return kept

    async def remove(self, place: tuple[UUID, UUID, str], command_id: UUID) -> bool:
        """Remove a variable; False where there is none of this user.

        Raises:
            Unavailable: As `put`.

        """
        user_id, project_id, _ = place
        removed = await self._vault.remove(*place)
        if removed:
            await self._tell(user_id, project_id, command_id)
        return removed

    async def of_app(self, project_id: UUID) -> Variables:
        """Return what a project's app finds in its environment.

        Raises:
            Unavailable: The database does not answer.

        """
        values: dict[str, str] = {}
        secrets: list[str] = []
        for variable in await self._vault.of_app(project_id):
            value = self._opened(project_id, variable)
            if value is None:
                continue
            values[variable.name] = value
            if variable.secret:
                secrets.append(variable.name)
        return Variables(values, secrets)

    def _opened(self, project_id: UUID, variable: Variable) -> str | None:
        context = context_of(project_id, variable.name)
        try:
            return self._seal.open(variable.sealed, context).decode()
        except NotOurs:
            _log.warning(
                "a variable was sealed with another key",
                project=str(project_id),
                name=variable.name,
            )
            return None

    async def _tell(self, user_id: UUID, project_id: UUID, command_id: UUID) -> None:
        names = [one.name for one in await self._vault.all(user_id, project_id)]
        await self._settings.tell_variables(user_id, project_id, command_id, names)
