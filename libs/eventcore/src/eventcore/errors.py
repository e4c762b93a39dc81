"""Why operations fail, sorted by who must act.

EventCoreError
├── Rejected               the caller: the answer is no, and why
│   └── Denied             the same, to somebody who may not ask at all
├── WrongExpectedVersion   the caller: load and decide again
├── AlreadyAnswered        the caller: the stored answer is the answer
├── Fenced                 this driver: stop at once, a later epoch holds the lease
└── Unavailable            the caller: wait and retry with the same command id
"""

from uuid import UUID


class EventCoreError(Exception):
    """Anything that this package raises on purpose."""


class Rejected(EventCoreError):
    """A decision against a command; nothing is stored but the answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Denied(Rejected):
    """The caller has no business with the stream; nothing at all is stored.

    Else anybody could make the log grow, for streams that do not even exist.
    """


class WrongExpectedVersion(EventCoreError):
    """Another writer was first; nothing is stored."""

    def __init__(self, stream: UUID, expected: int) -> None:
        super().__init__(f"stream {stream} is not at version {expected}")
        self.stream = stream
        self.expected = expected


class Fenced(EventCoreError):
    """The lease is held under another epoch; nothing is stored."""

    def __init__(self, stream: UUID, epoch: int) -> None:
        super().__init__(f"epoch {epoch} no longer holds the lease of {stream}")
        self.stream = stream
        self.epoch = epoch


class Unavailable(EventCoreError):
    """A dependency does not answer; the outcome is unknown until asked again."""


class AlreadyAnswered(EventCoreError):
    """The command id has an answer, which is the answer to this call too."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("the command was answered before")
        self.answer = answer
