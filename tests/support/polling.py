"""Waiting for what tells nobody when it comes: looked at again, until a deadline."""

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator

PATIENCE_S = 120.0
"""Longer than anything takes on a machine with too much to do: only failures wait."""
_FIRST_PAUSE_S = 0.02
_LAST_PAUSE_S = 0.2
_SHARE = 0.05
"""Of the time waited so far; a look may cost as much as what is waited for."""


async def until(
    check: Callable[[], object], what: str, *, timeout_s: float = PATIENCE_S
) -> None:
    """Poll *check*, whose answer may have to be awaited, until it holds.

    Raises:
        AssertionError: It never did; the message is *what* should have come true.

    """
    pauses = _pauses(what, timeout_s)
    while not await _answer(check):
        pause_s = next(pauses)
        await asyncio.sleep(pause_s)


def wait_until(
    check: Callable[[], object], what: str, *, timeout_s: float = PATIENCE_S
) -> None:
    """Poll *check* until it holds, outside of an event loop.

    Raises:
        AssertionError: It never did; the message is *what* should have come true.

    """
    pauses = _pauses(what, timeout_s)
    while not check():
        time.sleep(next(pauses))


async def _answer(check: Callable[[], object]) -> object:
    answer = check()
    return await answer if inspect.isawaitable(answer) else answer


def _pauses(what: str, timeout_s: float) -> Iterator[float]:
    """Yield how long to wait before the next look: longer the longer it takes."""
    began = time.monotonic()
    while (waited_s := time.monotonic() - began) < timeout_s:
        yield max(_FIRST_PAUSE_S, min(_LAST_PAUSE_S, waited_s * _SHARE))
    raise AssertionError(f"not within {timeout_s:g} s: {what}")
