"""Real apps, with packages from the registries that this machine uses."""

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from contracts.sandbox import (
    CheckApp,
    Failed,
    InstallDependencies,
    Installed,
    Problems,
    Running,
    StartServer,
    SyncFiles,
)
from tests.integration.sandbox.stage import (
    SandboxServer,
    Stage,
    host_of,
    sandbox_server,
)

APP = {
    "package.json": json.dumps(
        {
            "type": "module",
            "scripts": {"dev": "vite --port 1 --open"},
            "devDependencies": {"vite": "^8.0.0"},
        }
    ),
    "index.html": '<h1></h1><script type="module" src="/main.js"></script>',
    "main.js": "import {text} from './text.js';"
    "document.querySelector('h1').textContent = text;"
    "import.meta.hot.accept('./text.js', () => {});",
    "text.js": "export const text = 'first';",
}
REACT_APP = """\
import { useState } from "react";

export function App() {
  const [count, setCount] = useState(0);
  return <button onClick={() => setCount(count + 1)}>{count}</button>;
}
"""
REACT = {
    "package.json": json.dumps(
        {
            "type": "module",
            "scripts": {"dev": "vite"},
            "dependencies": {"react": "^19", "react-dom": "^19"},
            "devDependencies": {
                "@types/react": "^19",
                "@types/react-dom": "^19",
                "@vitejs/plugin-react": "*",
                "typescript": "*",
                "vite": "^8",
            },
        }
    ),
    "vite.config.ts": 'import react from "@vitejs/plugin-react";\n'
    'import { defineConfig } from "vite";\n'
    "export default defineConfig({ plugins: [react()] });\n",
    "tsconfig.json": json.dumps(
        {
            "compilerOptions": {
                "target": "ES2022",
                "module": "ESNext",
                "moduleResolution": "bundler",
                "jsx": "react-jsx",
                "strict": True,
                "noUnusedLocals": True,
            },
            "include": ["src"],
        }
    ),
    "index.html": '<div id="root"></div><script type="module" src="/src/main.tsx">'
    "</script>",
    "src/main.tsx": 'import { createRoot } from "react-dom/client";\n'
    'import { App } from "./App";\n'
    'import "./style.css";\n\n'
    'createRoot(document.getElementById("root")!).render(<App />);\n',
    "src/style.css": "body { margin: 0 }\n",
    "src/App.tsx": REACT_APP,
}
NO_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|E40\d|E50\d"
    r"|ConnectionError|No matching distribution"
)
UPDATE_S = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with sandbox_server(world=True) as lent:
        yield lent


async def install(world: Stage, project: UUID) -> None:
    """Install what the app needs, or skip where packages cannot be had."""
    assert not isinstance(await world.ask(project, SyncFiles(1)), Failed)
    outcome = await world.ask(project, InstallDependencies())
    if isinstance(outcome, Failed) and NO_NETWORK.search(outcome.log_tail):
        pytest.skip(f"packages cannot be had here: {outcome.reason}")
    assert isinstance(outcome, Installed), outcome


async def hot_reload(world: Stage, project: UUID) -> ClientConnection:
    """Open the socket over which Vite tells a page what has changed."""
    client = (await world.visit(project, "/@vite/client")).text
    token = re.search(r'wsToken = "([^"]+)"', client)
    assert token is not None, client[:500]
    host = host_of(project)
    return await connect(
        f"ws://{host}/?token={token[1]}",
        host="127.0.0.1",
        port=world.server.preview_port,
        subprotocols=[Subprotocol("vite-hmr")],
        origin=Origin(f"http://{host}"),
        proxy=None,
    )


async def next_message(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(UPDATE_S):
        async for text in socket:
            message: dict[str, Any] = json.loads(text)
            if message["type"] == kind:
                return message
    raise AssertionError("the socket was closed")


async def test_an_edit_reaches_an_open_page(world: Stage) -> None:
    project = world.add(APP)
    await install(world, project)
    running = await world.ask(project, StartServer())
    assert isinstance(running, Running), running
    assert "first" in (await world.visit(project, "/text.js")).text
    async with await hot_reload(world, project) as socket:
        await next_message(socket, "connected")
        before = world.processes_of(project)
        await world.write(project, "text.js", "export const text = 'second';")
        message = await next_message(socket, "update")
        assert message["updates"][0]["acceptedPath"] == "/text.js"
    assert "second" in (await world.visit(project, "/text.js")).text
    assert world.processes_of(project) == before


async def test_a_react_app_is_checked_without_false_alarm_and_its_faults_are_found(
    world: Stage,
) -> None:
    project = world.add(REACT)
    await install(world, project)
    assert isinstance(await world.ask(project, StartServer()), Running)
    assert await world.ask(project, CheckApp()) == Problems([])
    if shutil.which("chromium") is None or shutil.which("bwrap") is None:
        pytest.skip("pages are looked at only with chromium and bubblewrap")
    faulty = REACT_APP.replace("{count}", "{(undefined as any).count} faulty")
    await world.write(project, "src/App.tsx", faulty)
    await world.sees(project, " faulty", "/src/App.tsx")
    outcome = await world.ask(project, CheckApp())
    assert isinstance(outcome, Problems)
    first = outcome.problems[0]
    assert (first.source, first.path, first.line) == ("console", "src/App.tsx", 5)
    assert first.message.startswith("TypeError: Cannot read properties of undefined")
