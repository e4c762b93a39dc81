"""The real reverse proxy, in front of services that only say who they are."""

import asyncio
import shutil
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from standalone.ports import free_port
from tests.integration.deploy.tools import DEPLOY, tool
from tests.support.servers import server_folder, wait_until

NAMES = ("api", "gateway", "sandbox")


async def say_who(name: str, reader: StreamReader, writer: StreamWriter) -> None:
    """Answer with the name of the service and the head of the request."""
    head = await reader.readuntil(b"\r\n\r\n")
    body = f"{name}\n{head.decode()}".encode()
    length = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}"
    writer.write(f"{length}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()


@pytest.fixture
async def door() -> AsyncIterator[str]:
    program, port = tool("caddy"), free_port()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(server_folder())
        environment = {"PUBLIC_HOST": "atelier.example", "HOME": str(folder)}
        environment |= {"PREVIEW_DOMAIN": "preview.example"}
        environment |= {"FRONT_PROXIES": "192.0.2.0/24"}
        for name in NAMES:

            async def answer(
                reader: StreamReader, writer: StreamWriter, name: str = name
            ) -> None:
                await say_who(name, reader, writer)

            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            await stack.enter_async_context(server)
            address = server.sockets[0].getsockname()
            environment[f"{name.upper()}_ADDRESS"] = f"127.0.0.1:{address[1]}"
        shutil.copytree(DEPLOY / "caddy", folder / "caddy")
        rules = folder / "caddy" / "http.caddyfile"
        text = rules.read_text().replace(":8080", f"http://:{port}")
        rules.write_text(text.replace("{\n", "{\n\tbind 127.0.0.1\n", 1))
        process = await asyncio.create_subprocess_exec(
            *(program, "run", "--config", str(rules), "--adapter", "caddyfile"),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        stack.push_async_callback(process.wait)
        stack.callback(process.terminate)
        await asyncio.to_thread(wait_until, lambda: answers(port), "the door answers")
        yield f"http://127.0.0.1:{port}"


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code > 0
    except httpx.TransportError:
        return False


async def ask(door: str, host: str, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        # As it is: the client would tidy the path.
        url = httpx.URL(door).copy_with(raw_path=path.encode())
        return await http.get(url, headers={"Host": host, **headers})


async def test_each_host_and_path_reaches_its_service(door: str) -> None:
    for host, path, service in (
        ("atelier.example", "/", "api"),
        ("atelier.example:3000", "/api/projects", "api"),
        ("atelier.example", "/ws/1", "gateway"),
        ("ATELIER.example", "/ws", "gateway"),
        ("atelier.example", "/wsx", "api"),
        ("abc.preview.example", "/", "sandbox"),
        ("abc.preview.example", "/ws/1", "sandbox"),
        ("abc.preview.example", "/metrics", "sandbox"),
    ):
        answer = await ask(door, host, path)
        assert answer.text.splitlines()[0] == service, (host, path)


async def test_a_host_that_is_not_ours_reaches_nothing(door: str) -> None:
    for host in ("evil.example", "127.0.0.1", "preview.example", "a.b.preview.example"):
        answer = await ask(door, host, "/")
        assert answer.status_code == httpx.codes.MISDIRECTED_REQUEST, host


@pytest.mark.parametrize(
    "path",
    [
        *("/metrics", "/metrics/", "//metrics", "/%6Detrics", "/METRICS"),
        *("/./metrics", "/api/../metrics", "/ws/../metrics", "/ws/%2e%2e/metrics"),
    ],
)
async def test_nobody_outside_sees_metrics(door: str, path: str) -> None:
    answer = await ask(door, "atelier.example", path)
    assert answer.status_code == httpx.codes.NOT_FOUND


async def test_services_are_told_who_comes_and_not_what_one_claims(door: str) -> None:
    claims = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    answer = await ask(door, "atelier.example", "/", **claims)
    assert "X-Forwarded-For: 127.0.0.1" in answer.text
    assert "X-Forwarded-Proto: http" in answer.text
    assert not {"198.51.100.7", "https"} & set(answer.text.split())
