"""A delivery whose secret another SECRET_KEY has sealed ends; the courier does not."""

from unittest.mock import AsyncMock, Mock
from uuid import uuid4

from api.application.delivery.delivering import Courier
from api.domain.webhook import DueDelivery
from api.ports import NotOurs


async def test_a_delivery_sealed_under_another_key_ends_with_a_reason() -> None:
    queue, caller = AsyncMock(), AsyncMock()
    seal = Mock(open=Mock(side_effect=NotOurs))
    delivery = DueDelivery(
        id=uuid4(),
        webhook_id=uuid4(),
        user_id=uuid4(),
        url="https://example.org/",
        secret=b"sealed",
        body=b"{}",
        attempts=0,
    )
    await Courier(queue, caller, seal, lambda: 0.0).deliver(delivery)
    caller.call.assert_not_called()
    told = queue.settle.call_args.kwargs
    assert (told["state"], told["after"]) == ("failed", None)
    assert "SECRET_KEY" in told["error"]
