"""argon2id in two threads, with a bound on those that wait."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from typing_extensions import override

from api.ports import Passwords
from eventcore.errors import Unavailable

_THREADS = 2
"""More would let sign-ins take the processor from everything else."""
_MAX_WAITING = 64
"""About four seconds of work."""

_T = TypeVar("_T")


class Argon2Passwords(Passwords):
    """28 MiB, three passes, one lane: 50 ms of a core, and above what OWASP wants."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=3, memory_cost=28 << 10, parallelism=1, type=Type.ID
        )
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobody = self._hasher.hash("nobody has this password")

    @override
    async def hash(self, password: str) -> str:
        return await self._in_thread(lambda: self._hasher.hash(password))

    @override
    async def verify(self, password_hash: str | None, password: str) -> bool:
        fits = await self._in_thread(
            lambda: self._fits(password_hash or self._nobody, password)
        )
        return fits and password_hash is not None

    @override
    def is_outdated(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)

    def _fits(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= _MAX_WAITING:
            raise Unavailable("too many passwords are being checked")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
