"""Which recorded events a connection has been told, in order and each once."""

from enum import Enum, auto


class Verdict(Enum):
    """What to do with a recorded event that came from the bus."""

    SEND = auto()
    KNOWN = auto()
    """It was sent before, or is older than what the client asked for."""
    BEHIND = auto()
    """Something before it is missing: read the history first."""


class Position:
    """The seq up to which a client knows the log; moves by one, never back."""

    def __init__(self, after: int) -> None:
        self.seq = after

    def judge(self, seq: int) -> Verdict:
        """Say what to do with event *seq*; SEND counts it as sent."""
        if seq <= self.seq:
            return Verdict.KNOWN
        if seq > self.seq + 1:
            return Verdict.BEHIND
        self.seq = seq
        return Verdict.SEND
