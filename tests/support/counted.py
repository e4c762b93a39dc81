"""What a process has counted, from its /metrics."""

import httpx
from prometheus_client.parser import text_string_to_metric_families


def metrics_at(port: int) -> dict[str, float]:
    """Return the values of the process on *port*, by name and sorted labels."""
    url = f"http://127.0.0.1:{port}/metrics"
    text = httpx.get(url, timeout=10, trust_env=False).text
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
