"""All checks, one after the other."""

from collections.abc import AsyncIterator
from pathlib import Path

from standalone.doctor import engine, machine, servers, services
from standalone.doctor.finding import Finding, note
from standalone.settings import Settings


async def examination(settings: Settings, migrations: Path) -> AsyncIterator[Finding]:
    """Yield what is found, as it is found.

    Raises:
        CannotStart: The keys cannot be read, without which nothing can be asked.

    """
    for finding in machine.machine(settings):
        yield finding
    for findings in (
        servers.postgres(settings, migrations),
        servers.nats(settings),
        engine.engine(settings),
        _cluster(settings),
        services.services(settings),
        services.model(settings),
    ):
        async for finding in findings:
            yield finding


async def _cluster(settings: Settings) -> AsyncIterator[Finding]:
    if settings.sandbox_runtime != "kubernetes":
        return
    try:
        # Its library is large, and who has no cluster need not have it.
        from standalone.doctor import cluster  # noqa: PLC0415 - see above
    except ImportError:
        yield note("Cluster", "kubernetes-asyncio is not installed: nobody looks.")
        return
    async for finding in cluster.cluster(settings):
        yield finding
