"""Accounts and sessions on the real database, and asked about on the real bus."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from argon2 import PasswordHasher

from api.adapters.identity import passwords
from api.adapters.identity.accounts import PostgresAccounts
from api.adapters.identity.administration import PostgresAdministration
from api.adapters.identity.passwords import Argon2Passwords
from api.application.identity.accounts import (
    Client,
    Identity,
    Login,
    Profile,
    SignedIn,
    SignInLimits,
)
from api.application.identity.admission import Admissions
from api.application.identity.socket_tokens import SocketTokens
from api.application.rate_limit import RateLimit
from api.domain.account import SESSION_LIFE, digest
from api.entrypoints.bus.sessions import serve_sessions
from contracts import codec, subjects
from contracts.requests import SessionAnswer, SessionRefused, SessionVerified
from eventcore.adapters.nats import NatsBus
from eventcore.errors import Rejected, Unavailable

EMAIL = "ada@example.org"
PASSWORD = "correct horse battery"  # noqa: S105 - of an account that lives for one test
WRONG = "wrong horse battery"
CLIENT = Client("10.0.0.1", "a test")

_answers: msgspec.json.Decoder[SessionAnswer] = codec.decoder(SessionAnswer)


def now() -> datetime:
    return datetime.now(UTC)


def login(token: str, *, replaces: str | None = None, remembered: bool = True) -> Login:
    return Login(uuid4(), token, CLIENT, now(), remembered, replaces)


@pytest.fixture
async def identity(pool: asyncpg.Pool) -> AsyncIterator[Identity]:
    slow = Argon2Passwords()
    many = RateLimit(1000, time.monotonic)
    limits = SignInLimits(account=many, address=many, sign_up=many)
    admissions = Admissions(PostgresAdministration(pool), None)
    yield Identity(PostgresAccounts(pool), slow, limits, admissions, lambda _: None)
    slow.close()


@pytest.fixture
async def ada(identity: Identity) -> SignedIn:
    return await identity.sign_up(
        *(uuid4(), login("first"), Profile("Ada", EMAIL)), password=PASSWORD
    )


async def test_no_token_and_no_password_is_stored(
    ada: SignedIn, owner: asyncpg.Connection
) -> None:
    account = await owner.fetchrow("SELECT * FROM identity.account")
    session = await owner.fetchrow("SELECT * FROM identity.session")
    assert account["password_hash"].startswith("$argon2id$v=19$m=28672,t=3,p=1$")
    assert session["token_sha256"] == digest("first")
    assert ada.session.token_sha256 == digest("first")


async def test_of_two_who_want_an_address_one_gets_it(identity: Identity) -> None:
    outcomes = await asyncio.gather(
        *(
            identity.sign_up(
                *(uuid4(), login(f"token-{n}"), Profile("Ada", EMAIL)),
                password=PASSWORD,
            )
            for n in range(4)
        ),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if isinstance(one, Rejected)]
    assert len(refused) == 3
    assert {one.code for one in refused} == {"USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"}


async def test_a_session_ends_when_its_time_is_over(
    identity: Identity, ada: SignedIn, owner: asyncpg.Connection
) -> None:
    assert await identity.signed_in("first") == ada
    await owner.execute("UPDATE identity.session SET expires_at = now()")
    assert await identity.signed_in("first") is None
    assert await identity.signed_in("first", renew_at=now()) is None


async def test_a_session_in_use_slides(
    identity: Identity, ada: SignedIn, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "UPDATE identity.session SET updated_at = now() - interval '2 days',"
        " expires_at = now() + interval '5 days'"
    )
    found = await identity.signed_in("first", renew_at=now())
    assert found is not None
    assert found.renewed
    assert found.session.id == ada.session.id
    assert found.session.expires_at - now() > SESSION_LIFE - timedelta(minutes=1)


async def test_a_fresh_session_is_not_written_at_each_look(
    identity: Identity, ada: SignedIn
) -> None:
    found = await identity.signed_in("first", renew_at=now())
    assert found is not None
    assert (found.renewed, found.session) == (False, ada.session)


async def test_signing_in_replaces_the_session_of_this_browser_alone(
    identity: Identity, ada: SignedIn
) -> None:
    for token, replaces in (("other", None), ("second", "first")):
        await identity.sign_in(
            login(token, replaces=replaces), email=EMAIL, password=PASSWORD
        )
    assert await identity.signed_in("first") is None
    for token in ("other", "second"):
        found = await identity.signed_in(token)
        assert found is not None
        assert found.account == ada.account


async def test_signing_in_forgets_sessions_that_are_over(
    identity: Identity, ada: SignedIn, owner: asyncpg.Connection
) -> None:
    assert ada
    await owner.execute("UPDATE identity.session SET expires_at = now()")
    await identity.sign_in(login("second"), email=EMAIL, password=PASSWORD)
    assert await owner.fetchval("SELECT count(*) FROM identity.session") == 1


async def test_a_hash_of_older_parameters_is_made_anew(
    identity: Identity, ada: SignedIn, owner: asyncpg.Connection
) -> None:
    assert ada
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
    await owner.execute(
        "UPDATE identity.account SET password_hash = $1", weak.hash(PASSWORD)
    )
    await identity.sign_in(login("second"), email=EMAIL, password=PASSWORD)
    stored = await owner.fetchval("SELECT password_hash FROM identity.account")
    assert "m=28672,t=3,p=1" in stored


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    identity: Identity, ada: SignedIn
) -> None:
    async def refused_s(email: str) -> float:
        began = time.process_time()  # what others do meanwhile is not in it
        with pytest.raises(Rejected):
            await identity.sign_in(login("x"), email=email, password=WRONG)
        return time.process_time() - began

    pairs = [
        (await refused_s(ada.account.email), await refused_s("nobody@example.org"))
        for _ in range(15)
    ]
    ratio = statistics.median(unknown / known for known, unknown in pairs)
    assert 0.5 < ratio < 2  # without a dummy verify it is 0.1


async def test_passwords_do_not_wait_in_an_endless_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "_MAX_WAITING", 3)
    slow = Argon2Passwords()
    outcomes = await asyncio.gather(
        *(slow.verify(None, WRONG) for _ in range(5)), return_exceptions=True
    )
    slow.close()
    assert outcomes[:3] == [False, False, False]
    assert all(isinstance(one, Unavailable) for one in outcomes[3:])


@pytest.fixture
async def ask(
    identity: Identity, bus: NatsBus, pool: asyncpg.Pool
) -> Callable[[bytes], "asyncio.Future[SessionAnswer]"]:
    """Ask on the bus whose session a token is."""
    tokens = SocketTokens(b"key", PostgresAccounts(pool), time.time)
    await serve_sessions(bus, identity, tokens)

    async def asked(body: bytes) -> SessionAnswer:
        answer = await bus.request(
            subjects.AUTH_VERIFY, body, timeout_s=5, traceparent=None
        )
        return _answers.decode(answer)

    return lambda body: asyncio.ensure_future(asked(body))


async def test_the_bus_is_told_whose_session_it_is(
    ada: SignedIn, ask: Callable[[bytes], "asyncio.Future[SessionAnswer]"]
) -> None:
    answer = await ask(b'{"token": "first"}')
    assert answer == SessionVerified(ada.account.id, ada.session.id)
    assert isinstance(answer.user_id, UUID)


@pytest.mark.parametrize(
    "body",
    [
        *(b'{"token": "other"}', b'{"token": ""}', b"{}", b"", b"\xff", b"[]"),
        b'{"token": "' + b"x" * 513 + b'"}',
        b'{"token": 1}',
        b"[" * 10_000,
    ],
)
async def test_the_bus_is_told_that_it_is_nobodys(
    ada: SignedIn,
    ask: Callable[[bytes], "asyncio.Future[SessionAnswer]"],
    body: bytes,
) -> None:
    assert ada
    assert await ask(body) == SessionRefused()
