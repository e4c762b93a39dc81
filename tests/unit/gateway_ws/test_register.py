"""How many may come, and that nobody stays longer than the session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from typing_extensions import override

from gateway_ws.application import register as register_module
from gateway_ws.application.register import Full, Guest, Limits, Register
from gateway_ws.domain import wire
from gateway_ws.ports import Credential, Sessions, Unavailable
from tests.support.polling import until
from tests.unit.gateway_ws.support import Reader, settle

ADA, EVE = UUID(int=1), UUID(int=2)
LIMITS = Limits(per_user=2, per_address=2, verify_s=60, unverified_s=600)


class Book(Sessions):
    """Who is signed in, by what they show."""

    def __init__(self, **users: UUID) -> None:
        self.users = users
        self.asked: list[str] = []
        self.is_away = False

    @override
    async def user_of(
        self, credential: Credential, *, again: bool = False
    ) -> UUID | None:
        assert again
        self.asked.append(credential.secret)
        if self.is_away:
            raise Unavailable("away")
        return self.users.get(credential.secret)


def come(register: Register, user_id: UUID, secret: str) -> Reader:
    client = Reader()
    register.admit(Guest(client, user_id, Credential(secret)))
    return client


@asynccontextmanager
async def verifying(register: Register) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(register.verify())
        await settle()
        yield
        await settle()
        task.cancel()


def test_an_address_has_so_many_and_no_more() -> None:
    register = Register(Book(), LIMITS)
    register.arrive("a")
    register.arrive("a")
    register.arrive("b")
    with pytest.raises(Full, match="address"):
        register.arrive("a")
    register.depart("a")
    register.arrive("a")


async def test_a_user_has_so_many_and_no_more() -> None:
    register = Register(Book(), LIMITS)
    first = Guest(Reader(), ADA, Credential("x"))
    register.admit(first)
    come(register, ADA, "x")
    come(register, EVE, "y")
    with pytest.raises(Full, match="user"):
        come(register, ADA, "x")
    register.dismiss(first)
    come(register, ADA, "x")


async def test_whose_session_has_ended_is_closed_at_once_and_others_are_not() -> None:
    book = Book(one=ADA, two=ADA, three=EVE)
    register = Register(book, LIMITS)
    one, two = come(register, ADA, "one"), come(register, ADA, "two")
    three = come(register, EVE, "three")
    async with verifying(register):
        del book.users["one"]
        register.session_ended(ADA)
    assert one.close_code == wire.UNAUTHORIZED
    assert two.close_code is three.close_code is None
    assert sorted(book.asked) == ["one", "two"]


async def test_a_session_that_ends_while_its_guest_comes_in_is_closed_at_once() -> None:
    book = Book(one=ADA, two=EVE)
    register = Register(book, LIMITS)
    asked_at = asyncio.get_running_loop().time()
    reader, other = Reader(), come(register, EVE, "two")
    async with verifying(register):
        del book.users["one"]
        register.session_ended(ADA)  # nobody of hers is here yet
        register.admit(Guest(reader, ADA, Credential("one"), asked_at))
    assert reader.close_code == wire.UNAUTHORIZED
    assert other.close_code is None


async def test_all_are_looked_at_again_when_word_of_an_end_may_have_been_lost() -> None:
    book = Book(two=EVE)
    register = Register(book, LIMITS)
    asked_at = asyncio.get_running_loop().time()
    one, two, late = come(register, ADA, "one"), come(register, EVE, "two"), Reader()
    async with verifying(register):
        register.look_again()
        register.admit(Guest(late, ADA, Credential("three"), asked_at))
    assert one.close_code == late.close_code == wire.UNAUTHORIZED
    assert two.close_code is None


async def test_an_end_that_cannot_be_looked_at_is_looked_at_soon_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(register_module, "RETRY_S", 0.001)
    monkeypatch.setattr(register_module, "SWEEP_S", 3600)
    book = Book()
    book.is_away = True
    register = Register(book, LIMITS)
    one = come(register, ADA, "one")
    async with verifying(register):
        register.look_again()
        await until(lambda: len(book.asked) > 1, "it is verified again")
        book.is_away = False
        await until(lambda: one.close_code is not None, "it is closed")
    assert one.close_code == wire.UNAUTHORIZED


async def test_who_comes_in_after_a_session_has_ended_is_not_looked_at_again() -> None:
    book = Book(two=ADA)
    register = Register(book, LIMITS)
    async with verifying(register):
        register.session_ended(ADA)
        later = asyncio.get_running_loop().time() + 1
        register.admit(Guest(Reader(), ADA, Credential("two"), later))
    assert book.asked == []


async def test_a_session_of_somebody_else_is_no_session() -> None:
    register = Register(Book(one=EVE), LIMITS)
    one = come(register, ADA, "one")
    async with verifying(register):
        register.session_ended(ADA)
    assert one.close_code == wire.UNAUTHORIZED


async def test_sessions_are_verified_again_when_it_is_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(register_module, "SWEEP_S", 0.01)
    book = Book(one=ADA)
    register = Register(book, Limits(2, 2, verify_s=0.005, unverified_s=600))
    one, same = come(register, ADA, "one"), come(register, ADA, "one")
    async with verifying(register):
        await until(lambda: len(book.asked) > 1, "it is verified again")
        book.users.clear()
        await until(lambda: one.close_code is not None, "it is closed")
    assert one.close_code == same.close_code == wire.UNAUTHORIZED


async def test_an_api_that_is_away_closes_nobody_for_a_while() -> None:
    book = Book(one=ADA)
    book.is_away = True
    register = Register(book, LIMITS)
    one = come(register, ADA, "one")
    async with verifying(register):
        register.session_ended(ADA)
        await settle()
        assert one.close_code is None
        book.is_away = False
        book.users.clear()
        register.session_ended(EVE)  # nobody of hers is here
        register.session_ended(ADA)
    assert one.close_code == wire.UNAUTHORIZED


async def test_who_cannot_be_verified_for_too_long_has_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(register_module, "SWEEP_S", 0.001)
    book = Book(one=ADA)
    book.is_away = True
    register = Register(book, Limits(2, 2, verify_s=0.0, unverified_s=0.01))
    one = come(register, ADA, "one")
    async with verifying(register):
        await until(lambda: one.close_code is not None, "it is closed")
    assert one.close_code == wire.TRY_AGAIN_LATER
