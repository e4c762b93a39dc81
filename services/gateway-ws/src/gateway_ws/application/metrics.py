"""What the gateway counts; ``/metrics`` shows it."""

from collections.abc import Iterable

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override


class Tally(Collector):
    """A counter for what happens at every message: adding costs next to nothing."""

    def __init__(self, name: str, documentation: str) -> None:
        self._name = name
        self._documentation = documentation
        self.count = 0
        REGISTRY.register(self)

    @override
    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily(self._name, self._documentation, value=self.count)


CONNECTIONS = Gauge("gateway_connections", "Sockets that are open.")
OPENED = Counter("gateway_opened", "Sockets that were opened.")
CLOSED = Counter("gateway_closed", "Sockets that were closed, by code.", ["code"])
RESUMES = Counter("gateway_resumes", "Sockets that asked for what they had missed.")
MESSAGES_IN = Counter("gateway_messages_in", "Messages of clients, by type.", ["type"])
REFUSED = Counter(
    "gateway_refused", "Messages and connections that were refused, by code.", ["code"]
)
FRAMES_OUT = Tally("gateway_frames_out", "Frames that were written to clients.")
FELL_BEHIND = Counter(
    "gateway_fell_behind", "Times that a client took less than was written to it."
)
BUS_MALFORMED = Counter(
    "gateway_bus_malformed", "Messages on the bus that could not be read."
)
EVENT_TO_SCREEN = Histogram(
    "gateway_event_to_screen_seconds",
    "From a recorded event's commit to its frame on the sockets of those who watch.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
FIRST_CHARACTER = Histogram(
    "gateway_first_character_seconds",
    "From the start of a run that somebody watches to the first character of a file.",
    buckets=(0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300),
)
PREVIEW = Histogram(
    "gateway_preview_seconds",
    "From the start of a run that somebody watches to its preview.",
    buckets=(1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1200),
)
