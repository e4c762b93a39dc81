"""What a process says about itself."""

import asyncio

from litestar import Litestar
from litestar.testing import AsyncTestClient

from chassis.health import health_app, health_routes


async def answers() -> None:
    return


async def fails() -> None:
    raise ConnectionError


async def tells() -> str:
    return "one thing"


async def test_a_process_is_ready_when_all_its_dependencies_answer() -> None:
    async with AsyncTestClient(health_app({"database": answers})) as client:
        answer = await client.get("/ready")
    assert (answer.status_code, answer.text) == (200, "ready")


async def test_a_ready_process_says_what_people_should_know() -> None:
    routes = health_routes({}, about=tells)
    async with AsyncTestClient(Litestar(routes, openapi_config=None)) as client:
        answer = await client.get("/ready")
    assert (answer.status_code, answer.text) == (200, "ready; one thing")


async def test_missing_dependencies_are_named() -> None:
    checks = {"database": fails, "bus": answers, "model": fails}
    async with AsyncTestClient(health_app(checks)) as client:
        answer = await client.get("/ready")
    assert (answer.status_code, answer.text) == (503, "waiting for database, model")


async def test_a_lost_dependency_does_not_make_a_process_unhealthy() -> None:
    async with AsyncTestClient(health_app({"database": fails})) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.text) == (200, "alive")


async def test_a_stopping_process_is_not_ready() -> None:
    stopping = asyncio.Event()
    stopping.set()
    async with AsyncTestClient(health_app({}, stopping=stopping)) as client:
        answer = await client.get("/ready")
    assert (answer.status_code, answer.text) == (503, "stopping")


async def test_metrics_are_in_the_format_of_prometheus() -> None:
    async with AsyncTestClient(health_app({})) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# HELP python_info" in answer.text
