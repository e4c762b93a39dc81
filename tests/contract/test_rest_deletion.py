"""What is left of a project that was deleted: by the catalog, in every table."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.backend import Backend
from tests.support.servers import run_apart

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
