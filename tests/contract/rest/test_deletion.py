"""What is left of a project that was deleted: by the catalog, in every table."""

import base64
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import asyncpg
import httpx
import pytest

from eventcore.adapters.connection import connect
from eventcore.adapters.eraser import Eraser
from tests.integration.eventcore import sql
from tests.support.backend import Backend
from tests.support.polling import wait_until
from tests.support.servers import as_role, run_apart
from tests.support.traces import in_streams, in_tables

SCHEMAS = ["identity", "views", "hooks", "vault"]
TABLES = """
SELECT n.nspname || '.' || c.relname
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_id'
 WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY($1)
"""
FULL = {
    *("views.file", "views.position", "views.service_grant"),
    *("hooks.webhook", "vault.variable"),
}
KEPT = {"views.position", "hooks.webhook"}
"""A number that keeps it from coming back; and a webhook, until its end is told."""


async def rows_of(dsn: str, project_id: str) -> set[str]:
    """Return the tables with rows of a project."""
    connection = await asyncpg.connect(dsn)
    try:
        names = [row[0] for row in await connection.fetch(TABLES, SCHEMAS)]
        found = "SELECT EXISTS (SELECT FROM {} WHERE project_id = $1)"
        return {
            name
            for name in names
            if await connection.fetchval(found.format(name), project_id)
        }
    finally:
        await connection.close()


async def ended_webhooks(dsn: str, project_id: str) -> Any:  # noqa: ANN401 - a row
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(
            "SELECT bool_and(ended_at IS NOT NULL) FROM hooks.webhook"
            " WHERE project_id = $1",
            project_id,
        )
    finally:
        await connection.close()


@pytest.fixture
def ada(backend: Backend) -> Iterator[httpx.Client]:
    with backend.person() as somebody:
        yield somebody


def test_nothing_of_a_deleted_project_is_left(
    backend: Backend, ada: httpx.Client
) -> None:
    body = {"name": "Short", "description": "lived"}
    id_ = ada.post("/api/projects", json=body).json()["id"]
    base = f"/api/projects/{id_}"
    hook = {"url": "https://example.org/", "events": ["run_started"]}
    made = [
        ada.put(f"/api/project-files/{id_}", json={"path": "a", "content": "a"}),
        ada.post(f"{base}/webhooks", json=hook),
        ada.put(f"{base}/grants/integration", json={"access": "read"}),
        ada.put(f"{base}/variables/KEY", json={"value": "hush"}),
    ]
    assert [one.status_code for one in made] == [200] * 4
    assert run_apart(rows_of(backend.dsn, id_)) == FULL
    ada.delete(base)
    assert run_apart(rows_of(backend.dsn, id_)) <= KEPT
    assert run_apart(ended_webhooks(backend.dsn, id_)) in (True, None)


MARKER = "Xanadu-7f3a91c5"


def marked(ada: httpx.Client) -> str:
    """Return the path of a project that has the marker wherever text may be."""
    once = {"Idempotency-Key": MARKER}
    body = {"name": MARKER, "description": MARKER}
    id_ = ada.post("/api/projects", json=body, headers=once).json()["id"]
    files, base = f"/api/project-files/{id_}", f"/api/projects/{id_}"
    asset = base64.b64encode(b"\0" + MARKER.encode()).decode()
    hook = {"url": f"https://example.org/{MARKER}", "events": ["file_end"]}
    picture = {"path": "a.png", "content": asset, "encoding": "base64"}
    settings = {"lockedPaths": [f"{MARKER}.lock"]}
    made = [
        ada.post(f"{base}/webhooks", json=hook, headers=once),
        ada.put(files, json={"path": f"{MARKER}.txt", "content": MARKER}, headers=once),
        ada.put(files, json=picture),
        ada.put(f"{base}/variables/KEY", json={"value": MARKER}, headers=once),
        ada.patch(f"{base}/settings", json=settings),
        ada.patch(base, json={"name": f"{MARKER} 2"}),
    ]
    assert {one.status_code for one in made} == {HTTPStatus.OK}, [
        one.text for one in made
    ]
    return base


async def traces(backend: Backend) -> set[str]:
    """Return the tables and streams that have the marker."""
    client = await connect(backend.nats.url)
    try:
        found = await in_streams(client.jetstream(), MARKER)
    finally:
        await client.close()
    return found | await in_tables(backend.dsn, MARKER)


async def erase(backend: Backend) -> None:
    """Do what the agent does an hour later."""
    connection = await asyncpg.connect(backend.dsn)
    await connection.execute(sql.RELAYED)
    await connection.close()
    await Eraser(as_role(backend.dsn, "agent"), 0.0, lambda _: None).erase_due()


async def answers_kept(backend: Backend, project_id: str) -> int:
    """Return how many answers are given again of a project."""
    connection = await asyncpg.connect(backend.dsn)
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM identity.answered WHERE project_id = $1",
                project_id,
            )
        )
    finally:
        await connection.close()


def test_an_hour_later_nobody_finds_a_word_of_it_anywhere(
    backend: Backend, ada: httpx.Client
) -> None:
    base = marked(ada)
    id_ = base.rpartition("/")[2]
    known = {"EVT_0", "log.event", "views.project", "views.file", "hooks.webhook"}
    wait_until(lambda: run_apart(traces(backend)) >= known, "there are traces")
    assert run_apart(answers_kept(backend, id_)) == 4
    ada.delete(base)
    run_apart(erase(backend))
    wait_until(lambda: not run_apart(traces(backend)), "there are none")
    assert run_apart(answers_kept(backend, id_)) == 0
    assert run_apart(rows_of(backend.dsn, id_)) == {"views.position"}
    assert ada.get(base).status_code == HTTPStatus.NOT_FOUND
    assert ada.delete(base).status_code == HTTPStatus.NOT_FOUND
