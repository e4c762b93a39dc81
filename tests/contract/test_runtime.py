"""What every runtime promises, on real processes."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.adapters.keeping.keeper import parent_of
from sandbox.adapters.processes.leftovers import mark_of
from sandbox.application import commands
from sandbox.application.commands import Commands
from sandbox.application.output import Output
from sandbox.application.template_maker import Nobody
from sandbox.application.trouble import Troubled
from sandbox.ports import Process, Unreachable
from tests.contract.runtimes import DOCKER, KINDS, PLAIN, REAL_PODS, Bench, bench
from tests.support.packages import Registry, registry
from tests.support.polling import until

ALL = (*KINDS, REAL_PODS)
HELLO = """
require('http').createServer((q, answer) => answer.end('hello ' + q.url))
  .listen(process.env.PORT, process.env.HOST);
"""
# Two generations of children that ignore SIGTERM, one of them in a session of its own,
# those of the second stopped; and a daemon, whose parent is gone.
TREE = """
const {spawn} = require('child_process');
process.on('SIGTERM', () => {});
const depth = Number(process.argv[2] || 0);
if (!depth)
  spawn('/bin/sh', ['-c', 'sleep 1000 &'], {detached: true, stdio: 'ignore'});
if (depth === 2) process.kill(process.pid, 'SIGSTOP');
if (depth < 2) for (const detached of [true, false])
  spawn(process.execPath, [__filename, depth + 1], {detached, stdio: 'ignore'});
if (depth === 0)
  require('http').createServer((_, response) => response.end('up'))
    .listen(process.env.PORT, process.env.HOST);
setInterval(() => {}, 1000);
"""


@pytest.fixture(params=ALL)
async def lent(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with bench(request.param, os.environ) as made:
        yield made


async def fetch(process: Process, path: str) -> bytes:
    connection = await process.connect()
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_server_is_reached(lent: Bench) -> None:
    process = await lent.serve(HELLO)
    assert b"hello /page" in await fetch(process, "/page")


async def test_connections_at_once_do_not_get_mixed_up(lent: Bench) -> None:
    process = await lent.serve(HELLO)
    answers = await asyncio.gather(*(fetch(process, f"/{n}") for n in range(20)))
    assert all(f"hello /{n}".encode() in answers[n] for n in range(20))


async def test_a_cancelled_connection_does_not_disturb_the_next(lent: Bench) -> None:
    process = await lent.serve(HELLO)
    waiting = asyncio.ensure_future(process.connect())
    await asyncio.sleep(0)
    waiting.cancel()
    assert b"hello /after" in await fetch(process, "/after")
    assert b"hello /again" in await fetch(process, "/again")


async def test_nobody_is_reached_where_nobody_listens(lent: Bench) -> None:
    await lent.write(server_js="setInterval(() => {}, 1000)")
    process = await lent.launch("node", "server.js", serves=True)
    with pytest.raises(Unreachable):
        await process.connect()


async def test_output_and_exit_code_are_complete(lent: Bench) -> None:
    code, printed = await lent.run(
        "console.log('x'.repeat(300000)); process.exitCode = 7"
    )
    assert (code, len(printed)) == (7, 300001)


async def test_a_signal_is_told_as_a_shell_tells_it(lent: Bench) -> None:
    code, _ = await lent.run("process.kill(process.pid, 'SIGKILL')")
    assert code == 128 + signal.SIGKILL


async def test_a_program_that_is_not_there_fails(lent: Bench) -> None:
    await lent.write(a_txt="")
    process = await lent.launch("./missing")
    assert await process.wait() == 127
    assert b"No such file" in lent.printed["stderr"]


async def test_files_are_written_as_the_user_that_the_app_is(lent: Bench) -> None:
    await lent.write(a_txt="before")
    _, printed = await lent.run(
        "const fs = require('fs'); fs.writeFileSync('a.txt', 'after');"
        "fs.mkdirSync('b'); console.log(fs.readFileSync('a.txt', 'utf8'))"
    )
    assert printed == "after\n"


async def test_nothing_of_the_services_environment_is_seen(
    lent: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "a-secret-of-ours")
    _, printed = await lent.run("console.log(JSON.stringify(process.env))")
    assert "a-secret-of-ours" not in printed
    assert "PATH" in json.loads(printed)


async def test_an_app_stands_back(lent: Bench) -> None:
    _, printed = await lent.run(
        "console.log(require('os').getPriority(),"
        "require('fs').readFileSync('/proc/self/oom_score_adj', 'utf8'))"
    )
    nice = min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)
    # An engine has a priority of its own.
    assert printed.split() in (["5", "500"], [str(nice), "500"])


async def test_limits_are_in_force(lent: Bench) -> None:
    code, printed = await lent.run(
        "const {execSync} = require('child_process');"
        "console.log(execSync('ulimit -n; ulimit -c; ulimit -f').toString())"
    )
    assert (code, printed.split()[:2]) == (0, ["4096", "0"])


async def test_node_and_npm_are_on_the_path(lent: Bench) -> None:
    code, printed = await lent.run(
        "const {execSync} = require('child_process');"
        "console.log(execSync('node --version && npm --version').toString())"
    )
    assert (code, printed[0]) == (0, "v")


async def test_what_was_printed_last_without_an_end_is_not_lost(lent: Bench) -> None:
    _, printed = await lent.run("process.stdout.write('no end')")
    assert printed == "no end"


async def test_stopping_ends_the_whole_tree(lent: Bench) -> None:
    process = await lent.serve(TREE)
    await until(lambda: _counts(lent, 8), "all eight run")
    await process.stop()
    assert process.ended
    assert lent.processes() == []


async def test_a_tree_ends_with_its_root(lent: Bench) -> None:
    script = TREE.replace(
        "if (depth === 0)",
        "if (depth === 0) setTimeout(() => process.exit(3), 500); else if (depth > 9)",
    )
    await lent.write(server_js=script)
    process = await lent.launch("node", "server.js")
    assert await process.wait() == 3
    assert lent.processes() == []


async def test_a_killed_keeper_leaves_nothing(lent: Bench) -> None:
    process = await lent.serve(TREE)
    await until(lambda: _counts(lent, 8), "all eight run")
    os.kill(_outermost(lent), signal.SIGKILL)
    await process.wait()
    await until(lambda: _counts(lent, 0), "nothing is left")


@pytest.mark.parametrize("kind", [DOCKER, PLAIN])
async def test_an_install_that_takes_too_long_is_ended(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "INSTALL_S", 1.0)
    async with bench(kind, os.environ) as lent:
        output = Output(lent.project_id, Nobody(), asyncio.Event())
        installer = Commands(lent.project_id, lent.runtime, output)
        await lent.write(script_js="setInterval(() => {}, 1000)")
        with pytest.raises(Troubled, match="took longer than"):
            await installer.install(("node", "script.js"))
        assert lent.processes() == []


async def test_ending_all_of_a_project_leaves_the_others(lent: Bench) -> None:
    process = await lent.serve(HELLO)
    mine, lent.project_id = lent.project_id, type(lent.project_id)(int=1)
    await lent.runtime.end_all(lent.project_id)
    assert not process.ended
    await lent.runtime.end_all(mine)
    assert process.ended


@pytest.mark.parametrize("kind", ALL)
async def test_a_command_that_eats_memory_is_ended(kind: str) -> None:
    hungry = "const all = []; setInterval(() => all.push(Buffer.alloc(5e6, 1)), 10)"
    async with bench(kind, os.environ, memory_bytes=100 << 20) as lent:
        script = (
            f"const script = {hungry!r};"
            "const child = require('child_process').spawn(process.execPath,"
            "['-e', script]); child.on('exit', () => process.exit(0))"
        )
        await lent.write(script_js=script)
        process = await lent.launch("node", "script.js")
        code = await process.wait()
        # Asked to end by us, or ended by the kernel, which is quicker.
        assert code - 128 in (signal.SIGTERM, signal.SIGKILL)
        assert process.cause == "it used more than 100 MiB of memory"
        assert f"Stopped: {process.cause}.".encode() in lent.printed["stderr"]
        assert lent.processes() == []


async def _counts(lent: Bench, number: int) -> bool:
    return len(lent.processes()) == number


def _outermost(lent: Bench) -> int:
    """Return the first of the processes that carry the mark of this sandbox."""
    mark = mark_of(lent.layout.root, lent.project_id).encode()
    marked = {
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if mark in _command_line(entry)
    }
    (first,) = (pid for pid in marked if parent_of(str(pid)) not in marked)
    return first


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # ended since it was listed
        return b""


# --- installs -------------------------------------------------------------------------


@pytest.fixture
async def packages() -> AsyncIterator[Registry]:
    async with registry(greeter="module.exports = 'hello'") as served:
        yield served


@pytest.fixture(params=ALL)
async def installing(
    request: pytest.FixtureRequest, packages: Registry
) -> AsyncIterator[Bench]:
    environ = {**os.environ, "npm_config_registry": packages.url}
    async with bench(request.param, environ) as made:
        yield made


async def test_a_package_is_installed_and_used(installing: Bench) -> None:
    await installing.write(package_json='{"dependencies": {"greeter": "1.0.0"}}')
    process = await installing.launch("npm", "install", "--no-audit", installs=True)
    assert await process.wait() == 0, installing.printed
    _, printed = await installing.run("console.log(require('greeter'))")
    assert printed.endswith("hello\n")
