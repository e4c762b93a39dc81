"""A socket lives as long as the session that opened it, and no longer."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.integration.gateway_ws.guests import Guest, Host, guest
from tests.support.again import patient_client
from tests.support.backend import Backend
from tests.support.stack import Socket

AT_ONCE_S = 20.0
"""Well below the minute in which a session is verified in any case."""


async def closed(socket: Socket, timeout_s: float = AT_ONCE_S) -> int | None:
    """Return the code with which the socket is closed."""
    with pytest.raises(ConnectionClosed):
        await socket.hear(lambda _: False, timeout_s=timeout_s)
    return socket.connection.close_code


async def token_of(guest: Guest) -> str:
    """Return a token for the address of the project's socket."""
    answer = await guest.http.post(f"/api/projects/{guest.project}/socket-token")
    assert answer.is_success, answer.text
    return str(answer.json()["token"])


def address(host: Host, project: str, token: str) -> str:
    return f"ws://127.0.0.1:{host.port}/ws/{project}?token={token}&after=0"


async def sign_out(guest: Guest) -> None:
    answer = await guest.http.post("/api/auth/sign-out")
    assert answer.is_success, answer.text


async def test_signing_out_closes_the_sockets_of_that_session_at_once(
    ada: Guest, host: Host, replica: Host
) -> None:
    async with ada.socket(host) as one, ada.socket(replica) as other:
        await one.hear("agent_connected")
        await other.hear("agent_connected")
        await sign_out(ada)
        assert await closed(one) == 4001
        assert await closed(other) == 4001


async def test_a_session_that_ends_while_the_bus_is_away_is_closed_when_it_is_back(
    ada: Guest, own_backend: Backend, host: Host
) -> None:
    async with ada.socket(host) as socket:
        await socket.hear("agent_connected")
        await asyncio.to_thread(own_backend.nats.kill)
        await sign_out(ada)
        await own_backend.nats.begin()
        assert await closed(socket, timeout_s=30) == 4001


async def test_who_signs_in_as_somebody_else_leaves_no_socket_behind(
    ada: Guest, own_backend: Backend, host: Host
) -> None:
    async with ada.socket(host) as socket, guest(own_backend) as eve:
        await socket.hear("agent_connected")
        profile = (await eve.http.get("/api/auth/get-session")).json()["user"]
        body = {"email": profile["email"], "password": "correct horse battery"}
        answer = await ada.http.post("/api/auth/sign-in/email", json=body)
        assert answer.is_success, answer.text
        assert await closed(socket) == 4001


async def test_another_session_of_the_same_user_stays(
    own_backend: Backend, host: Host
) -> None:
    async with (
        guest(own_backend) as leaving,
        patient_client(own_backend.api.url) as http,
    ):
        profile = (await leaving.http.get("/api/auth/get-session")).json()["user"]
        body = {"email": profile["email"], "password": "correct horse battery"}
        await http.post("/api/auth/sign-in/email", json=body)
        staying = Guest(http)
        staying.project = leaving.project
        async with leaving.socket(host) as one, staying.socket(host) as other:
            await one.hear("agent_connected")
            await sign_out(leaving)
            assert await closed(one) == 4001
            await other.say("get_state")
            await other.hear("state_update", timeout_s=AT_ONCE_S)


async def test_a_session_is_verified_again_even_if_nobody_says_that_it_ended(
    ada: Guest, own_backend: Backend, strict: Host
) -> None:
    async with ada.socket(strict) as socket:
        await socket.hear("agent_connected")
        await asyncio.to_thread(own_backend.nats.kill)  # so that nobody can say so
        await own_backend.nats.begin()
        await sign_out(ada)
        assert await closed(socket, timeout_s=30) == 4001


async def test_a_token_of_the_address_opens_its_project(ada: Guest, host: Host) -> None:
    token = await token_of(ada)
    async with connect(address(host, ada.project, token)) as connection:
        socket = Socket(connection)
        await socket.hear(lambda message: message.get("seq") == 1)
        await sign_out(ada)
        assert await closed(socket) == 4001


async def test_a_token_opens_no_other_project(
    ada: Guest, own_backend: Backend, host: Host
) -> None:
    token = await token_of(ada)
    async with guest(own_backend) as eve:
        for project in (eve.project, "none"):
            async with connect(address(host, project, token)) as connection:
                assert await closed(Socket(connection)) == 4001


@pytest.mark.parametrize("token", ["", "v1.e30.e30", "x" * 5000, "%00", "v1"])
async def test_other_tokens_open_nothing_even_beside_a_session(
    ada: Guest, host: Host, token: str
) -> None:
    async with connect(
        address(host, ada.project, token), additional_headers={"Cookie": ada.cookie}
    ) as connection:
        assert await closed(Socket(connection)) == 4001


async def test_neither_tokens_nor_cookies_are_logged(ada: Guest, host: Host) -> None:
    token = await token_of(ada)
    async with connect(address(host, ada.project, token)) as connection:
        await Socket(connection).hear("agent_connected")
    async with ada.socket(host) as socket:
        await socket.hear("agent_connected")
    await asyncio.sleep(0.2)  # for what is logged at the end
    log = host.log.read_text()
    secrets = [token, *ada.http.cookies.values()]
    assert [secret for secret in secrets if secret in log] == []


async def test_a_deleted_project_closes_its_sockets_at_once_everywhere(
    ada: Guest, host: Host, replica: Host
) -> None:
    async with ada.socket(host) as one, ada.socket(replica) as other:
        await one.hear("agent_connected")
        await other.hear("agent_connected")
        answer = await ada.http.delete(f"/api/projects/{ada.project}")
        assert answer.is_success
        assert await closed(one) == await closed(other) == 4003
    assert one.types() == ["agent_connected", "project_deleted"]
