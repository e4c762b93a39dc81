"""What the agent counts; ``/metrics`` shows it."""

from prometheus_client import Counter, Gauge, Histogram

from contracts.project import (
    ModelCallEnded,
    ProblemsReported,
    ProjectEvent,
    RunCompleted,
    RunFailed,
    Usage,
)

FENCED = Counter(
    "agent_drives_fenced",
    "Runs that this worker gave up, because it held their lease no longer.",
)
TAKEOVERS = Counter(
    "agent_lease_takeovers",
    "Runs that this worker went on with after a driver that did not end them.",
)
REFUSED = Counter(
    "agent_requests_refused",
    "Requests on the bus that were refused, by who sent them and by code.",
    ["sender", "code"],
)
DRIVEN = Gauge("agent_runs_driven", "Runs that this worker drives now.")
SLOTS = Gauge("agent_run_slots", "Runs that this worker may drive at a time.")
RUNS = Counter("agent_runs", "Runs that ended, by how.", ["outcome"])
CALLS = Counter("agent_model_calls", "Calls of language models, by their end.", ["end"])
FIRST_TEXT = Histogram(
    "agent_model_first_text_seconds",
    "From a call of a language model to the first text of its answer.",
    ["purpose"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
)
CALL_SECONDS = Histogram(
    "agent_model_call_seconds",
    "Whole calls of language models, their repetitions included.",
    ["purpose"],
    buckets=(0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300),
)
TOKENS = Counter("agent_tokens", "Tokens of language models.", ["direction", "model"])
COST = Counter("agent_cost_usd", "What calls of language models cost.", ["model"])
REPAIRS = Counter("agent_repairs", "Reports of problems that a phase was to repair.")
RELAY_LEADS = Gauge(
    "agent_relay_leads", "1 where this process publishes the shard's log.", ["shard"]
)
RELAY_LAG = Gauge(
    "agent_relay_lag_seconds",
    "Age of the oldest recorded event that is not published, as its leader knows.",
    ["shard"],
)
RELAY_POSITION = Gauge(
    "agent_relay_position",
    "How far the shard's log is known to be published.",
    ["shard"],
)

# At zero from the start: a series that begins with its first failure has not increased
# for whoever asks Prometheus.
for _outcome in ("completed", "failed", "stopped"):
    RUNS.labels(_outcome)
for _end in ("complete", "length", "cut", "failed", "invalid", "interrupted"):
    CALLS.labels(_end)


def count(event: ProjectEvent) -> None:
    """Count what a driver has recorded."""
    match event:
        case ModelCallEnded():
            count_call(event.outcome, event.model, event.usage)
        case ProblemsReported():
            REPAIRS.inc()
        case RunCompleted():
            RUNS.labels("completed").inc()
        case RunFailed():
            RUNS.labels("failed").inc()
        case _:
            pass


def count_call(outcome: str, model: str, usage: Usage) -> None:
    """Count a call that is over, whoever has recorded its end."""
    CALLS.labels(outcome).inc()
    if usage.prompt_tokens:
        TOKENS.labels("read", model).inc(usage.prompt_tokens)
    if usage.completion_tokens:
        TOKENS.labels("written", model).inc(usage.completion_tokens)
    if usage.cost_usd:
        COST.labels(model).inc(usage.cost_usd)
