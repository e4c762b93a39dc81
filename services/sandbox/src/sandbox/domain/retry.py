"""When an app that has crashed is worth another start."""

_FIRST_S = 2.0
_LONGEST_S = 60.0
_STEADY_S = 60.0
"""An app that ran this long did not crash because of its start."""


class Backoff:
    """Doubles the pause after each quick death; a change of the app ends it."""

    def __init__(self) -> None:
        self._pause_s = 0.0
        self._not_before = 0.0

    def failed(self, now: float, *, ran_s: float = 0.0) -> None:
        """Note that the app ended by itself after *ran_s* seconds of service."""
        if ran_s >= _STEADY_S:
            self.reset()
        self._pause_s = min(_LONGEST_S, self._pause_s * 2 or _FIRST_S)
        self._not_before = now + self._pause_s

    def may_start(self, now: float) -> bool:
        """Tell whether the pause is over."""
        return now >= self._not_before

    def reset(self) -> None:
        """Forget the past: there is a reason why it may go well now."""
        self._pause_s = self._not_before = 0.0
