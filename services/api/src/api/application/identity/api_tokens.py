"""API tokens: made and revoked by people, shown by programs."""

from datetime import datetime
from uuid import UUID

from api.application.identity.accounts import Ended
from api.domain.account import Account, digest
from api.domain.api_token import MAX_TOKENS, PREFIX, ApiToken, NewApiToken
from api.ports import Tokens
from eventcore.errors import Rejected


class ApiTokens:
    """Tokens, through their port."""

    def __init__(self, tokens: Tokens, ended: Ended) -> None:
        self._tokens = tokens
        self._ended = ended

    async def all(self, account_id: UUID) -> list[ApiToken]:
        """Return a person's tokens, the newest first."""
        return await self._tokens.all(account_id)

    async def make(self, token: NewApiToken, at: datetime) -> ApiToken:
        """Store a token; the same id again replaces its secret.

        Raises:
            Rejected: It has expired before it begins, or there are too many.

        """
        if token.expires_at is not None and token.expires_at <= at:
            raise Rejected(
                "invalid_message_data", "The token would have expired already"
            )
        made = await self._tokens.add(token, MAX_TOKENS)
        if made is None:
            raise Rejected("conflict", f"You can have at most {MAX_TOKENS} tokens")
        return made

    async def revoke(self, account_id: UUID, token_id: UUID) -> bool:
        """End a token at once; False where there is none of this person."""
        try:
            return await self._tokens.remove(account_id, token_id)
        finally:  # without an answer it may have ended, and once more finds none
            self._ended(account_id)

    async def use(self, token: str) -> tuple[ApiToken, Account] | None:
        """Return a valid token and whose it is; when it was used is kept."""
        if not token.startswith(PREFIX):
            return None
        return await self._tokens.use(digest(token))
