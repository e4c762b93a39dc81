"""What is left of a deleted project in a whole installation, its apps' folders too."""

import asyncio
from pathlib import Path

from standalone.keeping.database import POSTGRES, owner_url
from standalone.machine.keys import load_keys
from tests.support.stack import Person, Stack
from tests.support.traces import in_folders, in_tables

MARKER = "Kubla-5c1d7e20"
SERVERS = {POSTGRES, "nats"}
"""Write over what they have let go of when they need the room: see what they answer."""
PATIENCE_S = 60.0
"""The relay notes every ten seconds how far it is, and nothing is erased before."""


async def traces(stack: Stack) -> set[str]:
    """Return the tables and files that have the marker."""
    folder = stack.data_dir
    dsn = owner_url(folder / POSTGRES, load_keys(folder / "secrets.json"))
    files = await asyncio.to_thread(in_folders, folder, MARKER)
    return await in_tables(dsn, MARKER) | {
        name for name in files if Path(name).parts[0] not in SERVERS
    }


async def test_an_app_leaves_no_trace(ada: Person, stack: Stack) -> None:
    project = await ada.create_project(f"a pomodoro timer called {MARKER}")
    base = f"/api/projects/{project}"
    await ada.http.put(f"{base}/variables/KEY", json={"value": MARKER})
    async with ada.socket(project) as socket:
        await socket.build()
        file = {"path": f"{MARKER}.html", "content": MARKER}
        await ada.http.put(f"/api/project-files/{project}", json=file)
        await socket.say("user_message", content=f"Call it {MARKER}, in a dark theme")
        await socket.hear_end()
    found = await traces(stack)
    assert {"log.event", "views.file"} <= found
    assert [one for one in found if one.endswith(f"{MARKER}.html")], found
    await ada.http.delete(base)
    async with asyncio.timeout(PATIENCE_S):
        while found := await traces(stack):  # noqa: ASYNC110 - other processes erase
            await asyncio.sleep(0.5)
