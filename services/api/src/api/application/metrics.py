"""What the api counts of its read models and on the bus; ``/metrics`` shows it."""

import time
from collections.abc import Sequence

from prometheus_client import Counter, Histogram

from contracts.envelope import Recorded

FOLDED = Counter("api_events_folded", "Events that were folded into the read models.")
REFUSED = Counter(
    "api_requests_refused",
    "Questions on the bus that were none, by what is asked there.",
    ["asked"],
)
EVENT_TO_VIEW = Histogram(
    "api_event_to_view_seconds",
    "From a recorded event's commit to where the REST API shows it.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 120, 600),
)


def folded(events: Sequence[Recorded]) -> None:
    """Count *events*, and how long the last of them took."""
    FOLDED.inc(len(events))
    if events:
        at = events[-1].at.timestamp()
        EVENT_TO_VIEW.observe(max(0.0, time.time() - at))
