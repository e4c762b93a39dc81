"""What an app can reach, seen from inside, and what a runtime says about it."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.runtimes import APART, BUBBLEWRAP, DOCKER, REAL_PODS, Bench, bench
from tests.support.packages import Registry, registry

CONNECT = """
const net = require('net');
const socket = net.connect({host: '127.0.0.1', port: %d, timeout: 2000});
socket.on('connect', () => { console.log('reached'); process.exit() });
socket.on('timeout', () => { console.log('silence'); process.exit() });
socket.on('error', (error) => console.log(error.code));
"""
THROUGH_EGRESS = """
const net = require('net');
const socket = net.connect(Number(new URL(process.env.HTTPS_PROXY).port), '127.0.0.1');
socket.write(%s);
socket.on('data', (data) => { console.log(data.toString().split('\\r\\n')[0]);
                              process.exit() });
socket.on('end', () => { console.log('closed'); process.exit() });
"""
LOOK = """
const fs = require('fs');
console.log(JSON.stringify({
  root: fs.readdirSync('/'),
  processes: fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length,
  networks: Object.keys(require('os').networkInterfaces()),
  status: fs.readFileSync('/proc/self/status', 'utf8'),
}));
"""


@pytest.fixture(params=(*APART, REAL_PODS))
async def inside(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with bench(request.param, os.environ) as made:
        yield made


async def test_only_its_own_world_is_seen(inside: Bench) -> None:
    _, printed = await inside.run(LOOK)
    seen: dict[str, Any] = json.loads(printed)
    assert seen["networks"] == ["lo"]
    assert seen["processes"] <= 4
    assert "boxes" not in seen["root"]
    status = dict(line.split(":\t", 1) for line in seen["status"].splitlines()[:-1])
    assert (status["CapEff"], status["NoNewPrivs"]) == ("0" * 16, "1")
    assert status["Seccomp"] == ("2" if inside.runtime.isolation.system_calls else "0")


async def test_an_app_is_found_wherever_it_listens(inside: Bench) -> None:
    process = await inside.serve(
        "require('http').createServer((_, answer) => answer.end()).listen(8080)"
    )
    assert await process.ask("a") == 200


async def test_the_hosts_loopback_is_not_reached(inside: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        _, printed = await inside.run(CONNECT % port)
    assert printed == "ECONNREFUSED\n"


@pytest.mark.parametrize(
    "command",
    ["unshare -U true", "mount -t tmpfs x /mnt", "chroot / true", "cat /etc/shadow"],
)
async def test_a_way_out_is_shut(inside: Bench, command: str) -> None:
    script = f"process.exit(require('child_process').spawnSync({command!r}, "
    code, _ = await inside.run(f"{script}{{shell: true}}).status)")
    assert code != 0


async def test_programs_of_the_system_cannot_be_changed(inside: Bench) -> None:
    code, _ = await inside.run("require('fs').writeFileSync('/usr/bin/x', '')")
    assert code != 0


async def test_an_app_has_no_way_out_at_all(inside: Bench) -> None:
    _, printed = await inside.run("console.log(process.env.HTTPS_PROXY)")
    assert printed == "undefined\n"


async def test_fork_bombs_end_at_the_limit(inside: Bench) -> None:
    if os.geteuid() == 0 and not inside.runtime.isolation.own_user:
        pytest.skip("the kernel does not limit the processes of root")
    script = (
        "const {spawn} = require('child_process'); let failed = 0; const all = [];"
        "for (let n = 0; n < 600; n++) { const child = spawn('sleep', ['60']);"
        "child.on('error', () => failed++); all.push(child) }"
        "setTimeout(() => { console.log(failed > 0); process.exit() }, 1000)"
    )
    _, printed = await inside.run(script)
    assert printed == "true\n"
    assert inside.processes() == []


async def test_an_old_bubblewrap_will_do() -> None:
    async with bench(BUBBLEWRAP[1], os.environ, is_old=True) as lent:
        assert await lent.run("console.log('here')") == (0, "here\n")


# --- while something is being installed -----------------------------------------------


@pytest.fixture
async def packages() -> AsyncIterator[Registry]:
    async with registry() as served:
        yield served


@pytest.fixture(params=(DOCKER, BUBBLEWRAP[1]))
async def installing(
    request: pytest.FixtureRequest, packages: Registry
) -> AsyncIterator[Bench]:
    environ = {**os.environ, "npm_config_registry": packages.url}
    async with bench(request.param, environ) as made:
        yield made


async def ask_egress(lent: Bench, request: str) -> str:
    """Send *request* to the way out, and return the first line of the answer."""
    await lent.write(script_js=THROUGH_EGRESS % json.dumps(request))
    process = await lent.launch("node", "script.js", installs=True)
    async with asyncio.timeout(20):
        await process.wait()
    return lent.printed["stdout"].decode().strip()


async def test_the_registry_is_reached(installing: Bench, packages: Registry) -> None:
    request = f"GET {packages.url}x HTTP/1.1\r\nHost: a\r\n\r\n"
    assert await ask_egress(installing, request) == "HTTP/1.1 404 OK"
    assert packages.asked == ["/x"]


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT example.com:443 HTTP/1.1",
        "CONNECT registry.npmjs.org:22 HTTP/1.1",
        "CONNECT 169.254.169.254:80 HTTP/1.1",
        "GET http://127.0.0.1:4222/ HTTP/1.1",
        "GET https://pypi.org/ HTTP/1.1",
        "GET file:///etc/passwd HTTP/1.1",
    ],
)
async def test_nobody_else_is_reached(installing: Bench, request_line: str) -> None:
    answer = await ask_egress(installing, f"{request_line}\r\n\r\n")
    assert answer == "HTTP/1.1 403 Forbidden"


@pytest.mark.parametrize(
    "request_text",
    ["\r\n\r\n", "GET\r\n\r\n", "CONNECT [::1 HTTP/1.1\r\n\r\n", "x" * 40_000],
)
async def test_nonsense_is_closed(installing: Bench, request_text: str) -> None:
    assert await ask_egress(installing, request_text) == "closed"


# --- what is said ---------------------------------------------------------------------


async def test_a_plain_process_says_what_it_shares() -> None:
    async with bench("process", os.environ) as lent:
        summary = lent.runtime.isolation.summary
    assert "shared with this machine: " in summary
    for word in ("files", "processes", "network", "system calls"):
        assert word in summary.partition("shared")[2]
