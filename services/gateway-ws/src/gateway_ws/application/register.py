"""Everybody who is connected: how many may be, and whose session still lives."""

import asyncio
from collections import Counter
from collections.abc import Set as AbstractSet
from uuid import UUID

from msgspec import Struct

from gateway_ws.domain import wire
from gateway_ws.ports import Client, Credential, Sessions, Unavailable

SWEEP_S = 5.0
"""Seconds between two looks at whose turn it is."""
RETRY_S = 0.5
"""The same while the api does not answer, and sessions are said to have ended."""
ENDED_KEPT_S = 60.0
"""For which it is known whose session has ended: longer than letting somebody in."""
AT_ONCE = 16
"""Sessions that are asked for at a time."""


class Full(Exception):
    """So many connections are open already; *whose* says of whom."""

    def __init__(self, whose: str) -> None:
        super().__init__(f"too many connections of one {whose}")
        self.whose = whose


class Limits(Struct, frozen=True):
    """How many connections, and how long a session is believed."""

    per_user: int
    per_address: int
    verify_s: float
    """Seconds after which a session is verified again."""
    unverified_s: float
    """Seconds without an answer after which a socket is closed, to come back later."""


class Guest:
    """A connection that has shown who it is."""

    __slots__ = ("client", "credential", "user_id", "verified_at")

    def __init__(
        self,
        client: Client,
        user_id: UUID,
        credential: Credential,
        verified_at: float | None = None,
    ) -> None:
        """*verified_at* is when the answer was asked for that let it in; None: now."""
        self.client = client
        self.user_id = user_id
        self.credential = credential
        now = asyncio.get_running_loop().time()
        self.verified_at = now if verified_at is None else verified_at


class Register:
    """Counts connections by address and by user, and verifies sessions again."""

    def __init__(self, sessions: Sessions, limits: Limits) -> None:
        self._sessions = sessions
        self._limits = limits
        self._by_address: Counter[str] = Counter()
        self._by_user: dict[UUID, set[Guest]] = {}
        self._ended: set[UUID] = set()
        self._ended_at: dict[UUID, float] = {}
        self._told = asyncio.Event()
        self._lost_at = 0.0
        """When word of any of them may have been lost."""

    def arrive(self, address: str) -> None:
        """Count a connection of *address*; `depart` it in the end.

        Raises:
            Full: There are as many as may be.

        """
        if self._by_address[address] >= self._limits.per_address:
            raise Full("address")
        self._by_address[address] += 1

    def depart(self, address: str) -> None:
        """Forget a connection that has arrived."""
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def admit(self, guest: Guest) -> None:
        """Count *guest* among its user's; `dismiss` it in the end.

        A session of the user that ended while the guest was let in is looked at again.

        Raises:
            Full: There are as many as may be.

        """
        guests = self._by_user.setdefault(guest.user_id, set())
        if len(guests) >= self._limits.per_user:
            raise Full("user")
        guests.add(guest)
        ended_at = max(self._lost_at, self._ended_at.get(guest.user_id, 0.0))
        if ended_at >= guest.verified_at:
            self.session_ended(guest.user_id)

    def dismiss(self, guest: Guest) -> None:
        """Forget a guest that was admitted."""
        guests = self._by_user[guest.user_id]
        guests.discard(guest)
        if not guests:
            del self._by_user[guest.user_id]

    def session_ended(self, user_id: UUID) -> None:
        """Verify the sessions of *user_id* now: one of them is said to have ended."""
        self._ended_at[user_id] = asyncio.get_running_loop().time()
        if user_id in self._by_user:
            self._ended.add(user_id)
            self._told.set()

    def look_again(self) -> None:
        """Verify all sessions now: word of those that ended may have been lost."""
        self._lost_at = asyncio.get_running_loop().time()
        self._ended.update(self._by_user)
        self._told.set()

    async def verify(self) -> None:
        """Close sockets whose session has ended, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(RETRY_S if self._ended else SWEEP_S):
                    await self._told.wait()
            except TimeoutError:
                pass
            self._told.clear()
            ended, self._ended = self._ended, set()
            if not await self._sweep(ended):
                self._ended |= ended

    async def _sweep(self, ended: AbstractSet[UUID]) -> bool:
        """Verify those whose turn it is; False when the api does not answer."""
        now = asyncio.get_running_loop().time()
        self._ended_at = {
            user_id: at
            for user_id, at in self._ended_at.items()
            if now - at < ENDED_KEPT_S
        }
        due = list(self._due(ended, now).items())
        for start in range(0, len(due), AT_ONCE):
            answers = await asyncio.gather(
                *(self._verify(*entry) for entry in due[start : start + AT_ONCE])
            )
            if not all(answers):
                return False
        return True

    def _due(
        self, ended: AbstractSet[UUID], now: float
    ) -> dict[Credential, list[Guest]]:
        """Return those to verify, by what they have shown: it is asked for once."""
        turn = now - self._limits.verify_s + SWEEP_S
        lapsed = now - self._limits.unverified_s
        due: dict[Credential, list[Guest]] = {}
        for user_id, guests in self._by_user.items():
            for guest in guests:
                if guest.verified_at < lapsed:
                    guest.client.close(wire.TRY_AGAIN_LATER)
                elif user_id in ended or guest.verified_at <= turn:
                    due.setdefault(guest.credential, []).append(guest)
        return due

    async def _verify(self, credential: Credential, guests: list[Guest]) -> bool:
        try:
            user_id = await self._sessions.user_of(credential, again=True)
        except Unavailable:
            return False
        now = asyncio.get_running_loop().time()
        for guest in guests:
            if user_id == guest.user_id:
                guest.verified_at = now
            else:
                guest.client.close(wire.UNAUTHORIZED)
        return True
