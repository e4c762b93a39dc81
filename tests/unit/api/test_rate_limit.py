"""Token buckets."""

import pytest

from api.application import rate_limit
from api.application.rate_limit import RateLimit


class Clock:
    """Time that passes when it is told to."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_as_many_as_allowed_and_then_none(clock: Clock) -> None:
    limit = RateLimit(3, clock)
    assert [limit.take("ada") for _ in range(4)] == [0, 0, 0, 20]


def test_one_comes_back_after_its_share_of_a_minute(clock: Clock) -> None:
    limit = RateLimit(3, clock)
    for _ in range(3):
        limit.take("ada")
    clock.now_s += limit.take("ada")
    assert [limit.take("ada"), limit.take("ada")] == [0, 20]


def test_each_name_has_its_own(clock: Clock) -> None:
    limit = RateLimit(1, clock)
    assert [limit.take("ada"), limit.take("bob")] == [0, 0]


def test_what_is_given_back_can_be_taken_again(clock: Clock) -> None:
    limit = RateLimit(1, clock)
    for _ in range(5):
        assert limit.take("ada") == 0
        limit.give_back("ada")


def test_giving_back_makes_no_more_than_there_were(clock: Clock) -> None:
    limit = RateLimit(1, clock)
    limit.give_back("ada")
    limit.take("ada")
    assert limit.take("ada") > 0


def test_the_name_that_was_used_longest_ago_is_forgotten(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "_MAX_BUCKETS", 2)
    limit = RateLimit(1, clock)
    for name in ("ada", "bob", "eve"):
        limit.take(name)
    assert limit.take("ada") == 0
    assert limit.take("eve") > 0
