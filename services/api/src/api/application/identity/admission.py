"""Who may have an account, and what administrators decide about that."""

from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from api.application.errors import Forbidden, uninvited
from api.domain.account import Account, digest
from api.domain.admission import Admission, Invitation, NewInvitation, SignUp
from api.ports import Administration
from eventcore.errors import Rejected


class SignUpSetting(Struct, frozen=True):
    """How sign-up stands, and whether an administrator may change it here."""

    sign_up: SignUp
    is_fixed: bool
    """The environment says so, and goes before what anybody chooses on the page."""


class Admissions:
    """Lets people in, by invitation or not at all."""

    def __init__(self, administration: Administration, fixed: SignUp | None) -> None:
        """Let *fixed*, what the environment says, go before all else; None: nothing."""
        self._administration = administration
        self._fixed = fixed

    async def setting(self) -> SignUpSetting:
        """Return how sign-up stands; open where nobody has chosen otherwise."""
        if self._fixed is not None:
            return SignUpSetting(self._fixed, is_fixed=True)
        chosen = await self._administration.sign_up()
        return SignUpSetting(chosen or SignUp.OPEN, is_fixed=False)

    async def choose(self, administrator_id: UUID, sign_up: SignUp) -> SignUpSetting:
        """Open or close sign-up.

        Raises:
            Rejected: The environment fixes it.

        """
        if self._fixed is not None and self._fixed is not sign_up:
            raise Rejected("conflict", "SIGN_UP is set where Atelier was started")
        if self._fixed is None:
            await self._administration.set_sign_up(administrator_id, sign_up)
        return await self.setting()

    async def of(
        self, email: str, code: str | None, *, is_verified: bool = False
    ) -> Admission:
        """Return how somebody new may come in; the first one always may.

        An invitation is looked at before the address is, so that nobody without one
        learns who has an account; it is used up together with making the account.

        Raises:
            Forbidden: Nobody new may, or not without an invitation.

        """
        mode = (await self.setting()).sign_up
        code_sha256 = digest(code) if code else None
        admission = Admission(mode, code_sha256=code_sha256, is_verified=is_verified)
        if mode is SignUp.OPEN:
            return admission
        if not await self._administration.is_claimed():
            return replace(admission, only_if_first=True)
        if mode is SignUp.CLOSED:
            raise Forbidden("SIGN_UP_CLOSED", "Nobody new may sign up here")
        if not await self._administration.is_invited(email, admission):
            raise uninvited()
        return admission

    async def users(self, administrator_id: UUID, after: UUID | None) -> list[Account]:
        """Return people by the time when they came, a page after somebody."""
        return await self._administration.users(administrator_id, after)

    async def invitations(self, administrator_id: UUID) -> list[Invitation]:
        """Return the invitations that can still be used, the newest first."""
        return await self._administration.invitations(administrator_id)

    async def invite(self, invitation: NewInvitation) -> Invitation:
        """Make an invitation.

        Raises:
            Rejected: There are too many.

        """
        made = await self._administration.invite(invitation)
        if made is None:
            raise Rejected("conflict", "There are too many open invitations")
        return made

    async def withdraw(self, administrator_id: UUID, invitation_id: UUID) -> bool:
        """End an invitation; False where there is none."""
        return await self._administration.withdraw(administrator_id, invitation_id)
