"""What one process of the api at a time does: follow events, and pass on progress."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from api.application.catch_up import CatchUp
from api.application.delivery.forwarding import ProgressForwarder, Telling
from api.ports import Turns
from chassis import logs
from eventcore.errors import Unavailable
from eventcore.projection import Projection

PROGRESS = -1
"""The turn of whoever passes on progress; shards have the others."""
_RETRY_S = 0.5

_log = logs.get(__name__)


async def run_projector(
    shard: int,
    turns: Turns,
    projection: Projection,
    telling: Telling,
    catch_up: CatchUp,
) -> NoReturn:
    """Project for ever, or wait until this process may."""

    async def work() -> None:
        await catch_up.outdated()
        await telling.begin()
        await projection.run()

    await _in_turn(turns, shard, work)


async def run_forwarder(turns: Turns, forwarder: ProgressForwarder) -> NoReturn:
    """Pass on progress for ever, or wait until this process may."""
    await _in_turn(turns, PROGRESS, forwarder.run)


async def _in_turn(
    turns: Turns, turn: int, work: Callable[[], Awaitable[None]]
) -> NoReturn:
    while True:
        try:
            await turns.hold(turn, work)
        except* Unavailable as errors:
            _log.warning(
                "waits for its turn", turn=turn, reason=repr(errors.exceptions)
            )
        await asyncio.sleep(_RETRY_S)
