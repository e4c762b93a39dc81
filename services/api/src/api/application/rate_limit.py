"""Token buckets by name, bounded in number."""

import math
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

_MAX_BUCKETS = 20_000


class _Bucket(Struct):
    tokens: float
    at_s: float


class RateLimit:
    """At most *per_minute* takings for each name, and as many at once.

    *clock* is monotonic, in seconds. Each process counts for itself. When there are too
    many names, the one that was used longest ago is forgotten.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._burst = float(per_minute)
        self._per_s = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str) -> int:
        """Take one; return 0, or after how many seconds there will be one."""
        bucket = self._refill(name)
        if bucket.tokens < 1:
            return math.ceil((1 - bucket.tokens) / self._per_s)
        bucket.tokens -= 1
        return 0

    def give_back(self, name: str) -> None:
        """Undo a taking that turned out not to count."""
        bucket = self._refill(name)
        bucket.tokens = min(self._burst, bucket.tokens + 1)

    def _refill(self, name: str) -> _Bucket:
        now_s = self._clock()
        bucket = self._buckets.pop(name, None) or _Bucket(self._burst, now_s)
        gained = (now_s - bucket.at_s) * self._per_s
        bucket.tokens = min(self._burst, bucket.tokens + gained)
        bucket.at_s = now_s
        self._buckets[name] = bucket
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return bucket
