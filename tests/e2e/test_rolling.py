"""A rolling restart: one service after another, while an app is being written."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

import msgspec
from websockets.exceptions import ConnectionClosedError

from tests.support.model_server import FakeApp, FakePhase, model_server
from tests.support.polling import wait_until
from tests.support.servers import server_folder
from tests.support.stack import Message, Socket, Stack, person, recorded_files

SERVICES = {"sandbox": "sandbox", "api": "api", "gateway_ws": "gateway-ws"}
FILES = {
    "index.html": "<!doctype html>\n<h1>Still here</h1>\n",
    "first.css": "body { margin: 0 }\n" * 40,
    "second.css": "main { padding: 0 }\n" * 40,
}


def renewed(stack: Stack, module: str, name: str) -> None:
    """Have a service end as a deployment ends it, and wait for its successor."""
    before = stack.pid_of(module)
    os.kill(before, signal.SIGTERM)

    def is_new() -> bool:
        try:
            return stack.pid_of(module) != before and bool(stack.metrics(name))
        except (AssertionError, OSError):
            return False

    wait_until(is_new, f"another {module} answers")


async def test_a_run_outlives_a_restart_of_each_service_in_turn() -> None:
    app = FakeApp([FakePhase("Page", FILES)])
    async with model_server(app) as model:
        settings = {
            **model.environment,
            "SANDBOX_PAGE_CHECK": "false",
            # The model stands still for as long as the restarts take.
            "MODEL_SILENCE_S": "600",
            "MODEL_WHOLE_S": "600",
        }
        with server_folder() as folder, Stack(folder, **settings) as stack:
            await check_restarts(stack, app)


async def check_restarts(stack: Stack, app: FakeApp) -> None:
    """Restart each service in the middle of a file; nothing may be lost or doubled."""
    app.holds["first.css"] = asyncio.Event()
    async with person(stack) as ada:
        project = await ada.create_project("a page")
        async with ada.socket(project) as socket:
            await socket.say("start_generation")
            await socket.hear(begins("first.css"))
            goes_on = app.holds["second.css"] = asyncio.Event()
            await asyncio.to_thread(renewed, stack, "agent", "agent")
            await socket.hear(begins("second.css"))
            for module, name in SERVICES.items():
                await asyncio.to_thread(renewed, stack, module, name)
            seen = await heard(socket)
        assert "generation_complete" not in {one["type"] for one in seen}
        goes_on.set()
        last = max(one.get("seq", 0) for one in seen)
        async with ada.socket(project, after=last) as again:
            await again.hear_end()
        shown = await ada.project_as(project, "complete")
        seqs = [one["seq"] for one in (*seen, *again.heard) if "seq" in one]
        assert seqs == list(range(seqs[0], seqs[-1] + 1))
        files = await ada.get(f"/api/project-files/{project}")
        told = {**recorded_files(seen), **recorded_files(again.heard)}
        assert {one["path"]: one["content"] for one in files} == told == FILES
        await ada.preview_until(shown["previewUrl"], "Still here")


def begins(path: str) -> Callable[[Message], bool]:
    """Match the first text of a file."""
    return lambda m: m["type"] == "file_chunk" and m["data"]["path"] == path


async def heard(socket: Socket) -> list[Message]:
    """Return all that came until the gateway said goodbye."""
    with contextlib.suppress(ConnectionClosedError):
        async for frame in socket.connection:
            socket.heard.append(msgspec.json.decode(frame))
    return socket.heard
