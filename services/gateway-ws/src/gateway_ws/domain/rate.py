"""How many messages a client may send."""


class Bucket:
    """A token bucket; time is what the caller says it is, in seconds."""

    def __init__(self, per_second: float, burst: int, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._then = now

    def take(self, now: float) -> bool:
        """Take a token; False where there is none yet."""
        refill = (now - self._then) * self._per_second
        self._tokens = min(self._burst, self._tokens + refill)
        self._then = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
