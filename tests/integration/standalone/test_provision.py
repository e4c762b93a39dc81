"""A database of somebody else's is prepared for the services."""

from collections.abc import Iterator
from urllib.parse import quote

import asyncpg
import pytest

from standalone.errors import CannotStart
from standalone.provision import ProvisionSettings, provision
from tests.support.servers import MIGRATIONS, PostgresServer, as_role, server_folder

HARD = 'it\'s; "100%" /@:?'


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    """Lend a cluster that no other test has: roles belong to all of one."""
    with server_folder() as folder, PostgresServer(folder) as server:
        yield server


@pytest.fixture
def empty_postgres(cluster: PostgresServer) -> Iterator[str]:
    with cluster.database(migrated=False) as dsn:
        yield dsn


def settings(dsn: str, password: str = HARD) -> ProvisionSettings:
    return ProvisionSettings(
        dsn,
        f"postgresql://agent:{quote(password, safe='')}@db/atelier",
        f"postgresql://api:{quote(password, safe='')}@db/atelier",
        MIGRATIONS,
    )


async def test_services_come_in_with_the_passwords_of_their_urls(
    empty_postgres: str,
) -> None:
    names = sorted(path.name for path in MIGRATIONS.glob("*.sql"))
    assert await provision(settings(empty_postgres)) == names
    for role in ("agent", "api"):
        connection = await asyncpg.connect(as_role(empty_postgres, role, HARD))
        assert await connection.fetchval("SHOW statement_timeout") == "5s"
        await connection.close()


async def test_it_may_run_again_and_change_passwords(empty_postgres: str) -> None:
    await provision(settings(empty_postgres))
    assert await provision(settings(empty_postgres, "another")) == []
    await (await asyncpg.connect(as_role(empty_postgres, "api", "another"))).close()


@pytest.mark.parametrize("url", ["postgresql://api@db/a", "postgresql://root:x@db/a"])
async def test_a_url_without_its_role_is_refused(url: str) -> None:
    wrong = ProvisionSettings("", "postgresql://agent:x@db/a", url, MIGRATIONS)
    with pytest.raises(CannotStart, match="API_DATABASE_URL"):
        await provision(wrong)
