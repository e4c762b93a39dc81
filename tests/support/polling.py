"""Waiting for what tells nobody when it comes: looked at again, until a deadline."""

import asyncio
import inspect
import time
from collections.abc import Callable

PATIENCE_S = 120.0
"""Longer than anything takes on a machine with too much to do: only failures wait."""
_PAUSE_S = 0.02


async def until(
    check: Callable[[], object], what: str, *, timeout_s: float = PATIENCE_S
) -> None:
    """Poll *check*, whose answer may have to be awaited, until it holds.

    Raises:
        AssertionError: It never did; the message is *what* should have come true.

    """
    deadline = time.monotonic() + timeout_s
    while not await _answer(check):
        assert time.monotonic() < deadline, _missed(what, timeout_s)
        await asyncio.sleep(_PAUSE_S)


def wait_until(
    check: Callable[[], object], what: str, *, timeout_s: float = PATIENCE_S
) -> None:
    """Poll *check* until it holds, outside of an event loop.

    Raises:
        AssertionError: It never did; the message is *what* should have come true.

    """
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, _missed(what, timeout_s)
        time.sleep(_PAUSE_S)


async def _answer(check: Callable[[], object]) -> object:
    answer = check()
    return await answer if inspect.isawaitable(answer) else answer


def _missed(what: str, timeout_s: float) -> str:
    return f"not within {timeout_s:g} s: {what}"
