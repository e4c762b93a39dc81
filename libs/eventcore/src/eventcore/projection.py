"""Follow the stream of a shard and fold it into a read model, whatever goes missing.

The bus may repeat, skip, start anew or be away. Each project's own version says what
comes next, and what the stream does not have is fetched from the log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import NoReturn
from uuid import UUID

from chassis import logs
from chassis.tracing import span
from contracts.envelope import Recorded
from contracts.project import ProjectErased
from eventcore.errors import Unavailable
from eventcore.ports import Batch, Feed, Gap, ReadModel

Fetch = Callable[[UUID, int], Awaitable[Sequence[Recorded]]]
"""Takes a project and a version; returns a page of the log after it, or nothing.

Raises Unavailable where nobody answers.
"""

RETRY_S = 0.5

_ERASED = str(ProjectErased.__struct_config__.tag)
_log = logs.get(__name__)


def fresh(
    events: Iterable[Recorded], versions: Mapping[UUID, int]
) -> tuple[list[Recorded], list[Gap]]:
    """Return the events that come next, in order, and where some are missing.

    *versions* are those up to which projects are folded, none being 0. Events at or
    below them are left out. Beyond a gap nothing of that project is fresh, but that it
    was erased: then there is nothing more to ask for.
    """
    upto: dict[UUID, int] = {}
    gaps: dict[UUID, Gap] = {}
    wanted: list[Recorded] = []
    for event in events:
        project_id = event.project_id
        version = upto.get(project_id)
        if version is None:
            version = versions.get(project_id, 0)
        if event.seq == version + 1 or (event.type == _ERASED and event.seq > version):
            wanted.append(event)
            upto[project_id] = event.seq
            gaps.pop(project_id, None)
        elif event.seq > version:
            gaps.setdefault(project_id, Gap(project_id, version))
    return wanted, list(gaps.values())


class Projection:
    """Keeps a read model equal to the log."""

    def __init__(self, shard: int, feed: Feed, model: ReadModel, fetch: Fetch) -> None:
        self._shard = shard
        self._feed = feed
        self._model = model
        self._fetch = fetch

    async def run(self) -> NoReturn:
        """Follow and fold for ever; wait where something does not answer."""
        told = ""
        while True:
            try:
                checkpoint = await self._model.checkpoint(self._shard)
                async with aclosing(
                    self._feed.follow(self._shard, checkpoint)
                ) as batches:
                    async for batch in batches:
                        await self.apply(batch)
            except Unavailable as error:
                if str(error) != told:
                    told = str(error)
                    _log.warning("projection waits", shard=self._shard, reason=told)
            await asyncio.sleep(RETRY_S)

    async def apply(self, batch: Batch) -> None:
        """Fold *batch*, with what is missing before it.

        Raises:
            Unavailable: The read model or the log does not answer; nothing is lost.

        """
        first = batch.events[0].meta if batch.events else None
        traceparent = first.traceparent if first is not None else None
        # What arrives together is of one run nearly always.
        with span("project", traceparent, shard=self._shard, events=len(batch.events)):
            while gaps := await self._model.fold(
                self._shard, batch.events, batch.checkpoint
            ):
                for gap in gaps:
                    await self._fill(gap)

    async def _fill(self, gap: Gap) -> None:
        page = await self._fetch(gap.project_id, gap.after)
        # A page that does not begin right there would be asked for again for ever.
        if not page or (page[0].seq > gap.after + 1 and page[0].type != _ERASED):
            raise Unavailable(
                f"the log has no event {gap.after + 1} of {gap.project_id}"
            )
        await self._model.fold(self._shard, page, None)
