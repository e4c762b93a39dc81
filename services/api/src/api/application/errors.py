"""Why the api refuses what nobody behind it was asked."""

from eventcore.errors import Rejected


class LimitReached(Rejected):
    """Too often; *retry_after_s* says when it is allowed again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("rate_limited", "Too many requests. Please try again later.")
        self.retry_after_s = retry_after_s
