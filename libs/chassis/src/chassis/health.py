"""What every process answers about itself: is it alive, is it ready, what it counted.

`/health` needs nothing but a turning event loop: a lost database must not get every
process killed. `/ready` asks each dependency. `/metrics` is for Prometheus.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from litestar import Litestar, MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], Awaitable[None]]
"""Returns when the dependency answers, raises when it does not."""
About = Callable[[], Awaitable[str | None]]
"""Returns what people should know of a process that is ready, if that is known."""

CHECK_TIMEOUT_S = 2.0


def health_routes(
    checks: Mapping[str, Check],
    *,
    stopping: asyncio.Event | None = None,
    about: About | None = None,
) -> list[HTTPRouteHandler]:
    """Return the handlers of /health, /ready and /metrics.

    *checks* are asked at each /ready, all at once; the names of those that fail are
    the answer. After *stopping* is set the process is not ready, so that nothing new
    is sent to it. *about* is what people should know of a process that is ready.
    """

    @get("/health", media_type=MediaType.TEXT, include_in_schema=False)
    async def health() -> str:
        return "alive"

    @get("/ready", media_type=MediaType.TEXT, include_in_schema=False)
    async def ready() -> Response[str]:
        if stopping is not None and stopping.is_set():
            return _not_ready("stopping")
        missing = await _missing(checks)
        if missing:
            return _not_ready(f"waiting for {', '.join(missing)}")
        told = None if about is None else await about()
        text = "ready" if told is None else f"ready; {told}"
        return Response(text, status_code=HTTP_200_OK, media_type=MediaType.TEXT)

    @get("/metrics", media_type=CONTENT_TYPE_LATEST, include_in_schema=False)
    async def metrics() -> bytes:
        return generate_latest()

    return [health, ready, metrics]


def health_app(
    checks: Mapping[str, Check], *, stopping: asyncio.Event | None = None
) -> Litestar:
    """Return an application with nothing but these routes."""
    return Litestar(health_routes(checks, stopping=stopping), openapi_config=None)


async def _missing(checks: Mapping[str, Check]) -> list[str]:
    answers = await asyncio.gather(*(_answers(check) for check in checks.values()))
    return [name for name, there in zip(checks, answers, strict=True) if not there]


async def _answers(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except Exception:  # noqa: BLE001 - whatever it raises, the dependency is missing
        return False
    return True


def _not_ready(why: str) -> Response[str]:
    return Response(
        why, status_code=HTTP_503_SERVICE_UNAVAILABLE, media_type=MediaType.TEXT
    )
