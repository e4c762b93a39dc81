"""How a step fails."""


class Troubled(Exception):
    """A step failed; one sentence for a person, and the last output."""

    def __init__(self, reason: str, log_tail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.log_tail = log_tail
