"""Containers with a kernel of their own: the same promises, where runsc is installed.

They start in seconds, so they are not among the runtimes of every other test.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from contracts.sandbox import Running, StartServer
from tests.contract import escapes
from tests.contract.runtimes import OWN_KERNEL, Bench, bench
from tests.contract.test_runtime import (  # noqa: F401 - collected here too
    HELLO,
    TREE,
    fetch,
    packages,
    test_a_cancelled_connection_does_not_disturb_the_next,
    test_a_package_is_installed_and_used,
    test_a_program_that_is_not_there_fails,
    test_a_server_is_reached,
    test_a_signal_is_told_as_a_shell_tells_it,
    test_an_app_stands_back,
    test_connections_at_once_do_not_get_mixed_up,
    test_ending_all_of_a_project_leaves_the_others,
    test_files_are_written_as_the_user_that_the_app_is,
    test_limits_are_in_force,
    test_nobody_is_reached_where_nobody_listens,
    test_node_and_npm_are_on_the_path,
    test_nothing_of_the_services_environment_is_seen,
    test_output_and_exit_code_are_complete,
    test_what_was_printed_last_without_an_end_is_not_lost,
)
from tests.contract.test_runtime_isolation import (  # noqa: F401 - collected here too
    test_a_way_out_is_shut,
    test_an_app_has_no_way_out_at_all,
    test_an_app_is_found_wherever_it_listens,
    test_nobody_else_is_reached,
    test_nonsense_is_closed,
    test_programs_of_the_system_cannot_be_changed,
    test_the_hosts_loopback_is_not_reached,
    test_the_registry_is_reached,
)
from tests.integration.sandbox.stage import SandboxServer, sandbox_server, stage
from tests.integration.sandbox.test_real_packages import (
    APP,
    hot_reload,
    install,
    next_message,
)
from tests.support.engine import GVISOR, engine_url, kernels
from tests.support.packages import Registry
from tests.support.polling import until


@pytest.fixture
async def lent() -> AsyncIterator[Bench]:
    async with bench(OWN_KERNEL, os.environ) as made:
        yield made


@pytest.fixture
async def inside(lent: Bench) -> Bench:
    return lent


@pytest.fixture
async def installing(packages: Registry) -> AsyncIterator[Bench]:  # noqa: F811 - the fixture
    environ = {**os.environ, "npm_config_registry": packages.url}
    async with bench(OWN_KERNEL, environ) as made:
        yield made


async def are_gone() -> bool:
    return kernels() == []


async def test_its_kernel_is_another_one(lent: Bench) -> None:
    _, printed = await lent.run("console.log(require('os').release())")
    assert printed.strip() != os.uname().release


async def test_stopping_ends_the_whole_tree(lent: Bench) -> None:
    process = await lent.serve(TREE)
    assert kernels()
    await process.stop()
    assert process.ended
    await until(are_gone, "nothing is left")


@pytest.mark.parametrize("handled", [True, False])
async def test_a_kernel_that_is_killed_leaves_nothing(
    lent: Bench, *, handled: bool
) -> None:
    process = await lent.serve(TREE)
    if handled:
        process._kill()  # type: ignore[attr-defined]  # noqa: SLF001 - as `stop` insists
    else:
        os.kill(kernels()[0], signal.SIGKILL)
    assert await process.wait() != 0
    await until(are_gone, "nothing is left")


async def test_a_fork_bomb_ends_itself_alone(lent: Bench) -> None:
    other = lent.neighbour()
    served = await other.serve(HELLO)
    await lent.write(forks_js=escapes.FORKS)
    bomb = await lent.launch("node", "forks.js")
    code = await bomb.wait()
    assert (code != 0 and bomb.cause) or lent.printed["stdout"].strip() != b"0"
    assert b"hello /still" in await fetch(served, "/still")
    await served.stop()
    await until(are_gone, "nothing is left")


async def test_a_command_that_eats_memory_is_ended() -> None:
    async with bench(OWN_KERNEL, os.environ, memory_bytes=200 << 20) as lent:
        await lent.write(hungry_js=escapes.HUNGRY)
        process = await lent.launch("node", "hungry.js")
        assert await process.wait() != 0
        assert process.cause
        await until(are_gone, "nothing is left")


async def test_nothing_gets_out_of_its_kernel() -> None:
    # The first two change what its own kernel knows, the last one its own exit code.
    assert await escapes.got_through(OWN_KERNEL) == {
        "be spared when memory runs out",
        "go before everybody else",
        "give the keeper another word to say",
    }


# --- the service ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with sandbox_server(
        world=True,
        SANDBOX_RUNTIME="docker",
        DOCKER_HOST=engine_url(),
        SANDBOX_OCI_RUNTIME=GVISOR,
    ) as started:
        yield started


async def test_an_edit_reaches_an_open_page(server: SandboxServer) -> None:
    async with stage(server) as world:
        project = world.add(APP)
        await install(world, project)
        running = await world.ask(project, StartServer())
        assert isinstance(running, Running), running
        async with await hot_reload(world, project) as socket:
            await next_message(socket, "connected")
            assert "first" in (await world.visit(project, "/text.js")).text
            await world.write(project, "text.js", "export const text = 'second';")
            message = await next_message(socket, "update")
            assert message["updates"][0]["acceptedPath"] == "/text.js"
        assert "second" in (await world.visit(project, "/text.js")).text


async def test_a_service_that_is_killed_leaves_no_kernel(server: SandboxServer) -> None:
    serves = json.dumps({"scripts": {"start": "node server.js"}})
    async with stage(server) as world:
        project = world.add({"package.json": serves, "server.js": HELLO})
        assert isinstance(await world.ask(project, StartServer()), Running)
        assert kernels()
        await asyncio.to_thread(server.kill)
        await until(are_gone, "nothing is left")
        server.start()
        await world.sees(project, "hello")
