"""Questions on the bus about whose a token is, and word of sessions that have ended."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from api.application import metrics
from api.application.identity.accounts import Identity
from api.application.identity.socket_tokens import SocketTokens
from contracts import codec, subjects
from contracts.requests import (
    SessionRefused,
    SessionVerified,
    VerifySession,
    VerifySocketToken,
)
from eventcore.ports import Bus, Headers

_sessions = msgspec.json.Decoder(VerifySession)
_socket_tokens = msgspec.json.Decoder(VerifySocketToken)
_REFUSED = codec.encode(SessionRefused())
TOLD_AGAIN_S = 90.0
"""What was told longer ago is known without us: sessions are verified each minute."""


class Endings:
    """Tells everybody that sessions of a user have ended; *clock* is in seconds."""

    def __init__(self, bus: Bus, clock: Callable[[], float]) -> None:
        self._bus = bus
        self._clock = clock
        self._told_at: dict[UUID, float] = {}

    def tell(self, user_id: UUID) -> None:
        """Say so now; whoever is on the bus looks again whose sessions still live."""
        now = self._clock()
        self._told_at.pop(user_id, None)
        self._told_at[user_id] = now  # as the youngest
        while self._told_at[oldest := next(iter(self._told_at))] < now - TOLD_AGAIN_S:
            del self._told_at[oldest]
        self._bus.publish(subjects.auth_ended(user_id), b"")

    def tell_again(self) -> None:
        """Say again what may have been lost: the bus was away."""
        for user_id in self._told_at:
            self._bus.publish(subjects.auth_ended(user_id), b"")


async def serve_sessions(bus: Bus, identity: Identity, tokens: SocketTokens) -> None:
    """Answer, together with all other processes of the api."""

    async def verify_session(_: str, body: bytes, __: Headers) -> bytes:
        try:
            token = _sessions.decode(body).token
        except codec.Malformed:
            metrics.REFUSED.labels("session").inc()
            return _REFUSED
        found = await identity.signed_in(token)
        if found is None:
            return _REFUSED
        session = found.session
        return codec.encode(SessionVerified(session.account_id, session.id))

    async def verify_socket_token(_: str, body: bytes, __: Headers) -> bytes:
        try:
            asked = _socket_tokens.decode(body)
        except codec.Malformed:
            metrics.REFUSED.labels("socket token").inc()
            return _REFUSED
        claims = await tokens.read(asked.token, asked.project_id, opened=asked.opened)
        if claims is None:
            return _REFUSED
        return codec.encode(SessionVerified(claims.user_id, claims.session_id))

    await bus.serve(subjects.AUTH_VERIFY, subjects.API_QUEUE, verify_session)
    await bus.serve(
        subjects.AUTH_VERIFY_SOCKET, subjects.API_QUEUE, verify_socket_token
    )
