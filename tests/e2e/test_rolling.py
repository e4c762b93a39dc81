"""A rolling restart: one service after another, while an app is being written."""

import asyncio
import contextlib
import os
import signal

import httpx
import msgspec
from websockets.exceptions import ConnectionClosedError

from tests.support.polling import wait_until
from tests.support.servers import server_folder
from tests.support.stack import Message, Socket, Stack, person, recorded_files

SERVICES = {"agent": "agent", "sandbox": "sandbox", "api": "api"}


def renewed(stack: Stack, module: str, name: str) -> None:
    """Have a service end as a deployment ends it, and wait for its successor."""
    before = stack.pid_of(module)
    os.kill(before, signal.SIGTERM)

    def is_new() -> bool:
        try:
            return stack.pid_of(module) != before and bool(stack.metrics(name))
        except (AssertionError, httpx.TransportError):
            return False

    wait_until(is_new, f"another {module} answers", timeout_s=60)


async def test_a_run_outlives_a_restart_of_each_service_in_turn() -> None:
    settings = {"DEMO_CHARACTERS_PER_SECOND": "300", "SANDBOX_PAGE_CHECK": "false"}
    with server_folder() as folder, Stack(folder, **settings) as stack:
        async with person(stack) as ada:
            project = await ada.create_project("a pomodoro timer")
            async with ada.socket(project) as socket:
                await socket.say("start_generation")
                await socket.hear("file_start")
                for module, name in SERVICES.items():
                    await asyncio.to_thread(renewed, stack, module, name)
                await asyncio.to_thread(renewed, stack, "gateway_ws", "gateway-ws")
                seen = await heard(socket)
            assert "generation_complete" not in {one["type"] for one in seen}
            last = max(one.get("seq", 0) for one in seen)
            async with ada.socket(project, after=last) as again:
                await again.hear_end()
            shown = await ada.project_as(project, "complete")
            seqs = [one["seq"] for one in (*seen, *again.heard) if "seq" in one]
            assert seqs == list(range(seqs[0], seqs[-1] + 1))
            files = await ada.get(f"/api/project-files/{project}")
            told = {**recorded_files(seen), **recorded_files(again.heard)}
            assert {one["path"]: one["content"] for one in files} == told
            await ada.preview_until(shown["previewUrl"], "Deep Focus")


async def heard(socket: Socket) -> list[Message]:
    """Return all that came until the gateway said goodbye."""
    with contextlib.suppress(ConnectionClosedError):
        async for frame in socket.connection:
            socket.heard.append(msgspec.json.decode(frame))
    return socket.heard
