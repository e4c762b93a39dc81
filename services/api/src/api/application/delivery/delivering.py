"""Making deliveries of webhooks: any process may, one at a time has each."""

import asyncio
import random
from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn
from uuid import UUID

from prometheus_client import Counter

from api.domain.webhook import (
    DeliveryState,
    DueDelivery,
    retry_after,
    signed_headers,
)
from api.ports import DeliveryQueue, NotOurs, Seal, Undeliverable, WebhookCaller
from chassis import logs
from eventcore.errors import Unavailable

AT_ONCE = 64
"""Attempts of this process under way."""
FOR_OTHERS = 16
"""Of these, those that are for one attempt of each person in turn: however many people
flood the queue, with receivers however slow, a newcomer waits for one round."""
HOLD_S = 60.0
"""Longer than an attempt takes at most."""
LOOK_S = 1.0
TIDY_S = 600.0
CONTEXT = b"webhook secret"
"""What secrets of webhooks are sealed for."""

_FIRST_FAILURE = HTTPStatus.MULTIPLE_CHOICES
"""Redirects are failures too: they are not followed."""
_NOT_OURS = "its secret cannot be read with this SECRET_KEY: make the webhook anew"

_TRIED = Counter("webhook_attempts_total", "Attempts by outcome.", ["outcome"])
_log = logs.get(__name__)


class Courier:
    """Takes what is due from the queue; *clock* is seconds since 1970."""

    def __init__(
        self,
        queue: DeliveryQueue,
        caller: WebhookCaller,
        seal: Seal,
        clock: Callable[[], float],
        *,
        look_s: float = LOOK_S,
    ) -> None:
        self._queue = queue
        self._caller = caller
        self._seal = seal
        self._clock = clock
        self._look_s = look_s
        self._busy = dict[UUID, DueDelivery]()
        self._had_turn = set[UUID]()
        """People who had one of the places for others in this round."""
        self._freed = asyncio.Event()

    async def run(self) -> NoReturn:
        """Deliver for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tidy())
            while True:
                claimed = await self._claimed()
                for delivery in claimed:
                    self._busy[delivery.id] = delivery
                    tasks.create_task(self._attempt(delivery))
                if not claimed:
                    await self._wait()

    async def _claimed(self) -> list[DueDelivery]:
        free, busy = AT_ONCE - len(self._busy), self._busy.values()
        try:
            if free > FOR_OTHERS:
                return await self._queue.claim(free - FOR_OTHERS, busy, HOLD_S)
            return await self._in_turn(free) if free > 0 else []
        except Unavailable as error:
            _log.warning("deliveries wait", reason=str(error))
            return []

    async def _in_turn(self, free: int) -> list[DueDelivery]:
        """Claim one delivery of each person who had no turn in this round."""
        claimed = await self._queue.claim(
            *(free, self._busy.values(), HOLD_S),
            at_once=1,
            passed_over=self._had_turn,
        )
        self._had_turn |= {one.user_id for one in claimed}
        if not claimed and self._had_turn:  # all had one: the next round begins
            self._had_turn.clear()
        return claimed

    async def _wait(self) -> None:
        self._freed.clear()
        try:
            async with asyncio.timeout(self._look_s):
                await self._freed.wait()
        except TimeoutError:
            pass

    async def _attempt(self, delivery: DueDelivery) -> None:
        try:
            await self.deliver(delivery)
        except Unavailable as error:
            # It is due again when the time for which it is ours is over.
            _log.warning("a delivery is not settled", reason=str(error))
        finally:
            del self._busy[delivery.id]
            self._freed.set()

    async def deliver(self, delivery: DueDelivery) -> None:
        """Make one attempt, and record how it came out.

        Raises:
            Unavailable: It cannot be recorded: it is made again later.

        """
        try:
            secret = self._seal.open(delivery.secret, CONTEXT)
        except NotOurs:  # as ever it will be: the SECRET_KEY is another one now
            _TRIED.labels("failed").inc()
            await self._queue.settle(
                delivery, state="failed", after=None, status=None, error=_NOT_OURS
            )
            return
        status, error = await self._called(delivery, secret)
        state: DeliveryState = "failed"
        after = None
        if error is None and status is not None and status < _FIRST_FAILURE:
            state = "delivered"
        elif status == HTTPStatus.GONE:
            await self._queue.disable(delivery.webhook_id)
        else:
            after = retry_after(delivery.attempts + 1, random.random())  # noqa: S311 - jitter
            state = "failed" if after is None else "pending"
        _TRIED.labels(state).inc()
        reason = None if state == "delivered" else error or f"answered {status}"
        await self._queue.settle(
            delivery, state=state, after=after, status=status, error=reason
        )

    async def _called(
        self, delivery: DueDelivery, secret: bytes
    ) -> tuple[int | None, str | None]:
        headers = signed_headers(delivery.id, int(self._clock()), delivery.body, secret)
        headers["content-type"] = "application/json"
        try:
            return await self._caller.call(delivery.url, delivery.body, headers), None
        except Undeliverable as error:
            return None, str(error)

    async def _tidy(self) -> NoReturn:
        while True:
            try:
                await self._queue.tidy()
            except Unavailable as error:
                _log.warning("old deliveries stay", reason=str(error))
            await asyncio.sleep(TIDY_S)
