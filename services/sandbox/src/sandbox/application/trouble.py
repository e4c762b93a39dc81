"""How a step fails."""


class Troubled(Exception):
    """A step failed; one sentence for a person, and the last output.

    *source* says what failed, in the words of `contracts.project.Problem`, where that
    is another thing than the step.
    """

    def __init__(
        self, reason: str, log_tail: str = "", *, source: str | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.log_tail = log_tail
        self.source = source
