"""Questions on the bus about whose session a token is."""

import msgspec

from api.application.accounts import Identity
from contracts import codec, subjects
from contracts.requests import SessionRefused, SessionVerified, VerifySession
from eventcore.ports import Bus, Headers, Subscription

_questions = msgspec.json.Decoder(VerifySession)


async def serve_sessions(bus: Bus, identity: Identity) -> Subscription:
    """Answer, together with all other processes of the api."""

    async def verify(_: str, body: bytes, __: Headers) -> bytes:
        try:
            token = _questions.decode(body).token
        except msgspec.MsgspecError:
            return codec.encode(SessionRefused())
        found = await identity.signed_in(token)
        if found is None:
            return codec.encode(SessionRefused())
        session = found.session
        return codec.encode(SessionVerified(session.account_id, session.id))

    return await bus.serve(subjects.AUTH_VERIFY, subjects.API_QUEUE, verify)
