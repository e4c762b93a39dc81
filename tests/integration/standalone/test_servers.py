"""The servers that all tests stand on."""

import asyncpg
import nats
import pytest

from tests.support.servers import NatsServer, PostgresServer, server_folder


async def test_a_fresh_database_answers(postgres: str) -> None:
    connection = await asyncpg.connect(postgres)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


@pytest.mark.parametrize("_again", [1, 2])
async def test_each_test_has_a_database_of_its_own(postgres: str, _again: int) -> None:
    connection = await asyncpg.connect(postgres)
    await connection.execute("CREATE TABLE mine (id int)")
    await connection.close()


async def test_jetstream_keeps_a_message_over_a_kill(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.jetstream().publish("kept", b"message")
    await client.close()
    nats_server.kill()
    nats_server.start()
    client = await nats.connect(nats_server.url)
    message = await client.jetstream().get_last_msg("KEPT", "kept")
    await client.close()
    assert message.data == b"message"


def test_postgres_starts_again_after_a_kill() -> None:
    with server_folder() as folder, PostgresServer(folder) as server:
        server.kill()
        server.start()
        assert server.is_ready()
