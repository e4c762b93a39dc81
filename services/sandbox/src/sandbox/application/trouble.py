"""How a step fails."""

FAILED = "The sandbox failed for a reason that is in the service's log."
"""What is said of a bug."""


class Troubled(Exception):
    """A step failed; one sentence for a person, and the last output.

    *source* says what failed, in the words of `contracts.project.Problem`, where that
    is another thing than the step, and *address* what of the app has failed.
    """

    def __init__(
        self,
        reason: str,
        log_tail: str = "",
        *,
        source: str | None = None,
        address: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.log_tail = log_tail
        self.source = source
        self.address = address
