"""Webhooks: kept, queued and called."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from api.domain.webhook import (
    AT_ONCE_OF_USER,
    Delivery,
    DeliveryState,
    DueDelivery,
    NewWebhook,
    Webhook,
)


class Undeliverable(Exception):
    """A webhook could not be called; the message says why in a few words."""


class WebhookCaller(Protocol):
    """Calls webhooks."""

    async def call(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Return the status with which *url* answers a POST.

        Raises:
            Undeliverable: It may not be called, or does not answer in time.

        """
        ...


class Webhooks(Protocol):
    """Webhooks and their log, as one user sees them.

    The *place* of a webhook is its project and its id. Every method raises Unavailable
    when the database does not answer.
    """

    async def all(self, user_id: UUID, project_id: UUID) -> list[Webhook]:
        """Return a project's webhooks, the oldest first."""
        ...

    async def add(self, webhook: NewWebhook) -> Webhook | None:
        """Store a webhook, told of what is folded from now on; None: too many.

        The same id again gets another secret.
        """
        ...

    async def change(
        self,
        user_id: UUID,
        place: tuple[UUID, UUID],
        *,
        url: str | None,
        events: list[str] | None,
        enabled: bool | None,
    ) -> Webhook | None:
        """Change what is not None; None where there is no such webhook."""
        ...

    async def remove(self, user_id: UUID, place: tuple[UUID, UUID]) -> bool:
        """Remove a webhook with its log; False where there is none."""
        ...

    async def deliveries(
        self, user_id: UUID, place: tuple[UUID, UUID]
    ) -> list[Delivery] | None:
        """Return the last deliveries, the newest first; None: no such webhook."""
        ...

    async def try_again(
        self, user_id: UUID, place: tuple[UUID, UUID], delivery_id: UUID
    ) -> Delivery | None:
        """Make a delivery due at once, as if it had never been tried."""
        ...


class DeliveryQueue(Protocol):
    """Deliveries of everybody, for whoever makes them.

    Every method raises Unavailable when the database does not answer.
    """

    async def claim(
        self,
        limit: int,
        busy: Collection[DueDelivery],
        hold_s: float,
        *,
        at_once: int = AT_ONCE_OF_USER,
        passed_over: Collection[UUID] = (),
    ) -> list[DueDelivery]:
        """Return deliveries that are due, and let nobody else have them for a while.

        Together with those in *busy* a webhook has ``AT_ONCE_OF_WEBHOOK`` at most, and
        a person *at_once*; those *passed_over* have none. Whoever does not settle one
        in time, because it died, leaves it to the others.
        """
        ...

    async def settle(
        self,
        delivery: DueDelivery,
        *,
        state: DeliveryState,
        after: timedelta | None,
        status: int | None,
        error: str | None,
    ) -> None:
        """Record how an attempt came out; it is due again *after* so long."""
        ...

    async def disable(self, webhook_id: UUID) -> None:
        """Send no more to a webhook whose receiver has said that it is gone."""
        ...

    async def tidy(self) -> None:
        """Forget what is old, and webhooks of deleted projects that were told so."""
        ...
