"""What the agent counts; ``/metrics`` shows it."""

from prometheus_client import Counter

FENCED = Counter(
    "agent_drives_fenced",
    "Runs that this worker gave up, because it held their lease no longer.",
)
CALLS = Counter("agent_model_calls", "Calls of language models, by their end.", ["end"])
REPAIRS = Counter("agent_repairs", "Reports of problems that a phase was to repair.")
