"""Why the api refuses what nobody behind it was asked."""

from eventcore.errors import Rejected


class LimitReached(Rejected):
    """Too often; *retry_after_s* says when it is allowed again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("rate_limited", "Too many requests. Please try again later.")
        self.retry_after_s = retry_after_s


class Forbidden(Rejected):
    """Not for this caller, whatever is asked: 403."""


class Busy(Rejected):
    """The same request is being answered at this moment."""

    def __init__(self) -> None:
        super().__init__("conflict", "The request with this key is under way")


def uninvited() -> Forbidden:
    """Return what somebody is told who has no invitation that is good."""
    return Forbidden("INVITATION_REQUIRED", "Signing up needs a valid invitation")
