"""What administrators do about people."""

from uuid import UUID

from api.application.identity.accounts import Ended
from api.domain.account import Account
from api.ports import Administration
from eventcore.errors import Rejected


class People:
    """Disables people and lets them in again; makes administrators."""

    def __init__(self, administration: Administration, ended: Ended) -> None:
        self._administration = administration
        self._ended = ended

    async def change(
        self,
        administrator_id: UUID,
        account_id: UUID,
        *,
        disabled: bool | None,
        is_administrator: bool | None,
    ) -> Account | None:
        """Change what is not None about somebody; None where there is nobody.

        Whoever is disabled is signed out everywhere; projects stay as they are.

        Raises:
            Rejected: An administrator tries it on itself, so that one always remains.

        """
        if account_id == administrator_id and (disabled or is_administrator is False):
            raise Rejected("conflict", "Another administrator has to do that for you")
        changed = await self._administration.change(
            administrator_id,
            account_id,
            disabled=disabled,
            is_administrator=is_administrator,
        )
        if changed is not None and disabled:
            self._ended(account_id)
        return changed
