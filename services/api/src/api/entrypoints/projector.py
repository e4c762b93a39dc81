"""Following the events of a shard: one process at a time, any may be it."""

import asyncio
from typing import NoReturn

from api.application.catch_up import CatchUp
from api.ports import Turns
from chassis import logs
from eventcore.errors import Unavailable
from eventcore.projection import Projection

_RETRY_S = 0.5

_log = logs.get(__name__)


async def run_projector(
    shard: int, turns: Turns, projection: Projection, catch_up: CatchUp
) -> NoReturn:
    """Project for ever, or wait until this process may."""

    async def work() -> None:
        await catch_up.outdated()
        await projection.run()

    while True:
        try:
            await turns.hold(shard, work)
        except* Unavailable as errors:
            _log.warning("projector waits", shard=shard, reason=repr(errors.exceptions))
        await asyncio.sleep(_RETRY_S)
