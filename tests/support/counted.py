"""What a process has counted, from its /metrics."""

from prometheus_client.parser import text_string_to_metric_families

from tests.support.loopback import text_at


def metrics_at(port: int) -> dict[str, float]:
    """Return the values of the process on *port*, by name and sorted labels."""
    url = f"http://127.0.0.1:{port}/metrics"
    text = text_at(url)
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
