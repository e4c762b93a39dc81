"""The real reverse proxy, in front of services that only say who they are."""

import asyncio
import shutil
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from standalone.ports import free_port
from tests.integration.deploy.tools import DEPLOY, tool
from tests.support.certificates import make_certificate
from tests.support.polling import wait_until
from tests.support.servers import server_folder

HOST = "atelier.example"
LOG = "caddy.log"
NAMES = ("api", "gateway", "sandbox")


async def say_who(name: str, reader: StreamReader, writer: StreamWriter) -> None:
    """Answer with the name of the service and the head of the request."""
    head = await reader.readuntil(b"\r\n\r\n")
    body = f"{name}\n{head.decode()}".encode()
    length = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}"
    if b"/breaks-off" in head:
        body = body[:1]
    writer.write(f"{length}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()


@asynccontextmanager
async def opened(kind: str, folder: Path, **environment: str) -> AsyncIterator[int]:
    """Start Caddy with the rules of *kind*, and lend the port of the door."""
    program, port = tool("caddy"), free_port()
    environment |= {
        "HOME": str(folder),
        "HEALTH_PORT": str(free_port()),
        "PUBLIC_HOST": HOST,
        "PREVIEW_DOMAIN": "preview.example",
        "FRONT_PROXIES": "192.0.2.0/24",
    }
    shutil.copytree(DEPLOY / "caddy", folder / "caddy")
    rules = folder / "caddy" / f"{kind}.caddyfile"
    text = rules.read_text().replace("http://:8080 {", ":8080 {")
    plain = port if kind == "http" else free_port()
    text = text.replace(":8080 {", f"http://:{plain} {{\n\tbind 127.0.0.1")
    text = text.replace(":8443 {", f"https://:{port} {{\n\tbind 127.0.0.1")
    rules.write_text(text.replace("/run/secrets", str(folder)))
    async with AsyncExitStack() as stack:
        for name in NAMES:
            server = await asyncio.start_server(partial(say_who, name), "127.0.0.1", 0)
            await stack.enter_async_context(server)
            address = server.sockets[0].getsockname()
            environment[f"{name.upper()}_ADDRESS"] = f"127.0.0.1:{address[1]}"
        process = await asyncio.create_subprocess_exec(
            *(program, "run", "--config", str(rules), "--adapter", "caddyfile"),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=stack.enter_context((folder / LOG).open("wb")),
        )
        stack.push_async_callback(process.wait)
        stack.callback(process.terminate)
        health = int(environment["HEALTH_PORT"])
        await asyncio.to_thread(wait_until, lambda: answers(health), "it answers")
        yield port


@pytest.fixture
async def door() -> AsyncIterator[str]:
    with server_folder() as folder:
        async with opened("http", folder) as port:
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


async def test_what_goes_wrong_is_logged_without_what_opens_something() -> None:
    secrets = {"Cookie": "hush", "Authorization": "hush", "Referer": "/?hush"}
    with server_folder() as folder:
        async with opened("http", folder) as port:
            with pytest.raises(httpx.RemoteProtocolError):
                await ask(
                    *(f"http://127.0.0.1:{port}", HOST, "/ws/breaks-off?token=hush"),
                    **secrets,
                )
            log, told = folder / LOG, "/ws/breaks-off"
            await asyncio.to_thread(wait_until, lambda: told in log.read_text(), told)
            assert "hush" not in log.read_text()


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


@pytest.mark.parametrize(
    ("host", "service"), [(HOST, "api"), ("abc.preview.example", "sandbox")]
)
async def test_one_certificate_is_for_people_and_previews(
    host: str, service: str
) -> None:
    with server_folder() as folder:
        certificate = folder / "tls-certificate"
        names = [HOST, "*.preview.example"]
        make_certificate(certificate, folder / "tls-key", names)
        trusting = ssl.create_default_context(cafile=certificate)
        async with (
            opened("https", folder) as port,
            httpx.AsyncClient(verify=trusting) as http,
        ):
            answer = await http.get(
                f"https://127.0.0.1:{port}/",
                headers={"Host": host},
                extensions={"sni_hostname": host},
            )
    assert answer.text.splitlines()[0] == service
    assert answer.headers["strict-transport-security"]
    assert "X-Forwarded-Proto: https" in answer.text
