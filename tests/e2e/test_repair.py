"""Apps that are broken at first, and what becomes of them: all of it for real."""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.support.model_server import FakeApp, FakePhase, ModelServer, model_server
from tests.support.servers import server_folder
from tests.support.stack import Message, Person, Socket, Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACKAGE = '{"scripts": {"start": "node server.js"}}\n'
CRASH = "const port = process.env.PORT;\nthrow new Error('no table named users');\n"
SERVER = """\
require('http').createServer((request, response) => {
  %s
}).listen(process.env.PORT, process.env.HOST);
"""
HELLO = "response.end('<h1>It works</h1>');"
FAULT = "try { request.user.name } catch (e) { console.error(e); response.statusCode = 500; response.end() }"  # noqa: E501 - one line of a program
PAGE = (
    '<!doctype html>\n<h1></h1>\n<script type="module" src="/src/main.ts"></script>\n'
)
CONFIG = json.dumps(
    {
        "compilerOptions": {
            "target": "ES2022",
            "module": "ESNext",
            "moduleResolution": "bundler",
            "lib": ["ES2022", "DOM"],
            "strict": True,
            "noEmit": True,
        },
        "include": ["src"],
    }
)
SHOW = "document.querySelector('h1')!.textContent = title;\n"


@dataclass
class Site:
    """An installation whose model writes what a test says."""

    stack: Stack
    model: ModelServer
    ada: Person


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    if shutil.which("bwrap") is None:
        pytest.skip("pages are looked at only where bubblewrap is installed")
    async with model_server() as model:
        settings = {
            **model.environment,
            "SANDBOX_PAGE_CHECK": "true",
        }
        with server_folder() as folder, Stack(folder, **settings) as stack:
            async with person(stack) as ada:
                yield Site(stack, model, ada)


def versions(*phases: dict[str, str]) -> FakeApp:
    """Return an app that is written again and again, each time the whole of it."""
    return FakeApp([FakePhase("App", files) for files in phases], each_is_last=True)


def node(server: str) -> dict[str, str]:
    return {"package.json": PACKAGE, "server.js": server}


def vite(code: str, **others: str) -> dict[str, str]:
    packages = {"vite": "^8", "typescript": "*", **others}
    manifest = {"scripts": {"dev": "vite"}, "devDependencies": packages}
    return {
        "package.json": json.dumps(manifest, indent=1),
        "tsconfig.json": CONFIG,
        "index.html": PAGE,
        "src/main.ts": code,
    }


async def end_of_run(socket: Socket) -> Message:
    return await socket.hear(
        lambda m: m["type"] in ("generation_complete", "generation_error")
    )


def reported(socket: Socket) -> list[tuple[str, str | None, int | None]]:
    """Return source, path and line of what each report says first."""
    firsts = [
        message["data"]["problems"][0]
        for message in socket.heard
        if message["type"] == "problems_reported"
    ]
    return [(one["source"], one["path"], one["line"]) for one in firsts]


async def test_a_crash_and_a_broken_answer_end_in_a_working_preview(site: Site) -> None:
    site.model.app = versions(node(CRASH), node(SERVER % FAULT), node(SERVER % HELLO))
    project = await site.ada.create_project("a page")
    async with site.ada.socket(project) as socket:
        await socket.build()
    assert reported(socket) == [("start", "server.js", 2), ("http", "server.js", 2)]
    shown = await site.ada.project_as(project, "complete")
    assert "It works" in (await site.ada.preview(shown["previewUrl"])).text
    asked = site.model.designs()
    assert "no table named users" in asked[1].texts[-1]
    assert "TypeError" in asked[2].texts[-1]


async def test_the_same_crash_again_ends_with_a_sentence(site: Site) -> None:
    site.model.app = versions(node(CRASH))
    project = await site.ada.create_project("a page")
    async with site.ada.socket(project) as socket:
        await socket.say("start_generation")
        end = await end_of_run(socket)
    assert end["type"] == "generation_error"
    assert end["data"]["message"] == (
        "A repair did not help against this: The app stopped while it was starting "
        "(exit code 1): Error: no table named users in server.js, line 2. Send a "
        "message that says what to change, or change the file yourself."
    )


async def test_after_three_repairs_a_person_is_asked_and_goes_on(site: Site) -> None:
    site.model.app = versions(
        vite(f"const title = 'One';\n{SHOW}", **{"no-such-package-of-anybody": "1"}),
        vite(f"const title = 'Two' 'Three';\n{SHOW}"),
        vite(f"const title: string = 4;\n{SHOW}"),
        vite(f"type T = string;\n\nconst title: T = (null as any).five;\n{SHOW}"),
    )
    project = await site.ada.create_project("a page")
    async with site.ada.socket(project) as socket:
        await socket.say("start_generation")
        end = await end_of_run(socket)
        found = reported(socket)
        if found[:2] == [("install", "package.json", None)] * 2:
            pytest.skip(f"packages cannot be had here: {end['data']['message']}")
        assert found == [
            ("install", "package.json", 8),
            ("compile", "src/main.ts", 1),
            ("types", "src/main.ts", 1),
            ("console", "src/main.ts", 3),
        ]
        assert end["data"]["message"].startswith(
            "After 3 repairs the app still has this: TypeError: Cannot read properties "
            "of null (reading 'five') in src/main.ts, line 3."
        )
        site.model.app = versions(vite(f"const title = 'At last';\n{SHOW}"))
        await socket.say("user_message", content="Show a title")
        await socket.hear_end()
    url = (await site.ada.project_as(project, "complete"))["previewUrl"]
    assert "At last" in (await site.ada.preview(f"{url}src/main.ts")).text
