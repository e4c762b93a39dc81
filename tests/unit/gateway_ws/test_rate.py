"""A client may send a burst, and after that so many messages a second."""

from gateway_ws.domain.rate import Bucket


def test_a_burst_passes_and_no_more() -> None:
    bucket = Bucket(per_second=2, burst=3, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]


def test_tokens_come_back_with_time() -> None:
    bucket = Bucket(per_second=2, burst=1, now=0.0)
    bucket.take(0.0)
    assert not bucket.take(0.4)
    assert bucket.take(0.6)


def test_no_more_than_a_burst_is_saved_up() -> None:
    bucket = Bucket(per_second=100, burst=2, now=0.0)
    assert [bucket.take(60.0) for _ in range(3)] == [True, True, False]
