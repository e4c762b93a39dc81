"""What a request may see, because the database says so."""

import json
from uuid import UUID, uuid4

import asyncpg
import pytest

from api.adapters.database import naming, projecting
from api.adapters.projects.store import PostgresProjectStore
from tests.integration.api.log import OWNER, SHARD, Log, written

OTHER = UUID(int=77)


@pytest.fixture
async def project_id(pool: asyncpg.Pool) -> UUID:
    """A project of OWNER with one file."""
    log = Log()
    project_id = log.new_project(written("a"))
    await PostgresProjectStore(pool).fold(SHARD, log.events[project_id], None)
    return project_id


@pytest.mark.parametrize("role", ["api", "api_projector"])
async def test_the_roles_own_nothing_and_bypass_nothing(
    owner: asyncpg.Connection, role: str
) -> None:
    row = await owner.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = $1",
        role,
    )
    assert not any(row)
    owned = "SELECT count(*) FROM pg_tables WHERE tableowner = $1"
    assert await owner.fetchval(owned, role) == 0


async def test_who_names_another_sees_nothing(
    pool: asyncpg.Pool, project_id: UUID
) -> None:
    assert project_id
    async with naming(pool, user_id=str(OTHER)) as connection:
        assert await connection.fetch("SELECT * FROM views.project") == []
        assert await connection.fetch("SELECT * FROM views.file") == []


async def test_who_names_the_owner_sees_it(
    pool: asyncpg.Pool, project_id: UUID
) -> None:
    async with naming(pool, user_id=str(OWNER)) as connection:
        ids = [
            row["id"] for row in await connection.fetch("SELECT id FROM views.project")
        ]
    assert ids == [project_id]


async def test_a_name_ends_with_its_transaction(
    pool: asyncpg.Pool, project_id: UUID
) -> None:
    assert project_id
    async with naming(pool, user_id=str(OWNER), email="a@b.org") as connection:
        backend = await connection.fetchval("SELECT pg_backend_pid()")
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") == backend
        for name in ("app.user_id", "app.email"):
            assert not await connection.fetchval("SELECT current_setting($1)", name)
        assert await connection.fetch("SELECT * FROM views.project") == []


async def test_the_projectors_role_ends_with_its_transaction(
    pool: asyncpg.Pool, project_id: UUID
) -> None:
    assert project_id
    async with projecting(pool) as connection:
        assert len(await connection.fetch("SELECT * FROM views.project")) == 1
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT current_user") == "api"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE views.project SET name = 'x'",
        "DELETE FROM views.file",
        "INSERT INTO views.position VALUES ('00000000-0000-0000-0000-000000000001', 1)",
        "SELECT * FROM views.checkpoint",
        "TRUNCATE identity.account",
        "SELECT * FROM log.event",
        "SELECT * FROM public.schema_migrations",
        "CREATE TABLE views.mine (id int)",
        "SET ROLE agent",
    ],
)
async def test_a_request_cannot(
    pool: asyncpg.Pool, project_id: UUID, statement: str
) -> None:
    async with naming(pool, user_id=str(OWNER)) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute(statement)
        seen = await connection.fetchval("SELECT id FROM views.project")
    assert seen == project_id


@pytest.mark.parametrize("hostile", ["' OR true --", "%", "x@y.org' --", ""])
async def test_an_account_is_seen_by_who_names_its_address(
    pool: asyncpg.Pool, owner: asyncpg.Connection, hostile: str
) -> None:
    await owner.execute(
        "INSERT INTO identity.account (id, email, name, password_hash, created_at,"
        " updated_at) VALUES ($1, 'a@b.org', 'A', 'hash', now(), now())",
        uuid4(),
    )
    async with naming(pool, email=hostile) as connection:
        assert await connection.fetch("SELECT * FROM identity.account") == []
    async with naming(pool, email="a@b.org") as connection:
        assert len(await connection.fetch("SELECT * FROM identity.account")) == 1


async def test_a_request_uses_its_indexes(
    pool: asyncpg.Pool, project_id: UUID, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO views.project SELECT gen_random_uuid(), gen_random_uuid(), 'n',"
        " 'd', 'idle', NULL, NULL, now(), now() FROM generate_series(1, 5000)"
    )
    await owner.execute("ANALYZE views.project")
    async with naming(pool, user_id=str(OWNER)) as connection:
        plan = await connection.fetchval(
            "EXPLAIN (FORMAT JSON) SELECT * FROM views.project WHERE user_id = $1",
            OWNER,
        )
    assert project_id
    assert "Seq Scan" not in json.dumps(plan)
