"""What waits for a client is bounded, and goes out in order."""

from gateway_ws.application.outbox import FORBIDDEN, TRY_AGAIN_LATER, Outbox


async def test_frames_go_out_in_order_and_then_it_closes() -> None:
    outbox = Outbox()
    outbox.put(b"a")
    outbox.put(b"b")
    outbox.close(FORBIDDEN)
    assert [await outbox.take() for _ in range(3)] == [b"a", b"b", None]
    assert outbox.close_code == FORBIDDEN


async def test_a_client_that_takes_nothing_is_closed_to_come_back_later() -> None:
    outbox = Outbox(max_bytes=10)
    for _ in range(3):
        outbox.put(b"12345")
    assert await outbox.take() is None
    assert outbox.close_code == TRY_AGAIN_LATER


async def test_a_single_frame_above_the_bound_still_goes_out() -> None:
    outbox = Outbox(max_bytes=10)
    outbox.put(b"x" * 100)
    assert await outbox.take() == b"x" * 100


async def test_nothing_is_taken_in_after_the_end() -> None:
    outbox = Outbox()
    outbox.close(FORBIDDEN)
    outbox.put(b"late")
    assert await outbox.take() is None
