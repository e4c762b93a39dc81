"""Tokens for the addresses of WebSockets, for clients that cannot send the cookie."""

from collections.abc import Callable
from uuid import UUID

from api.domain import socket_token
from api.domain.socket_token import LIFE_S, Claims
from api.ports import Logins


class SocketTokens:
    """Signs and reads them; *clock* is seconds since 1970."""

    def __init__(self, key: bytes, logins: Logins, clock: Callable[[], float]) -> None:
        self._key = key
        self._logins = logins
        self._clock = clock

    def sign(self, login_id: UUID, user_id: UUID, project_id: UUID) -> tuple[str, int]:
        """Return a token for one project, and the second at which it ends.

        *login_id* is the session or the API token that asks for it.
        """
        expires_at_s = int(self._clock()) + LIFE_S
        claims = Claims(login_id, user_id, project_id, expires_at_s)
        return socket_token.sign(claims, self._key), expires_at_s

    async def read(
        self, token: str, project_id: UUID, *, opened: bool
    ) -> Claims | None:
        """Return what a token says, if it is good for the project at this moment.

        One that has *opened* a socket may have expired; what it was made from must be
        valid all the same.

        Raises:
            Unavailable: The database does not answer.

        """
        claims = socket_token.read(token, self._key)
        if claims is None or claims.project_id != project_id:
            return None
        if not opened and claims.expires_at_s <= self._clock():
            return None
        is_alive = await self._logins.is_alive(claims.session_id, claims.user_id)
        return claims if is_alive else None
