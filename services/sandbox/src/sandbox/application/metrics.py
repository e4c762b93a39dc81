"""What the sandbox service counts; ``/metrics`` shows it."""

from prometheus_client import Counter, Gauge, Histogram

RUNNING = Gauge("sandbox_apps_running", "Apps with a process of their own.")
ANSWERS = Counter("sandbox_answers", "Answers to drivers, by kind.", ["answer"])
STARTS = Counter(
    "sandbox_starts", "Apps that were started, by what came of it.", ["outcome"]
)
OPERATION_SECONDS = Histogram(
    "sandbox_operation_seconds",
    "What drivers asked for, from its beginning to its end.",
    ["operation", "outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600),
)

# At zero from the start: for Prometheus nothing is not the same as no app that runs.
for _outcome in ("running", "failed"):
    STARTS.labels(_outcome)
