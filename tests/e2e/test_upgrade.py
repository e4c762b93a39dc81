"""This version starts an installation of an earlier one, in the midst of a run."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.support.model_server import FakeApp, FakePhase, model_server
from tests.support.previous import previous_version
from tests.support.servers import server_folder
from tests.support.stack import Person, Stack, person, recorded_files

FILES = {
    "index.html": "<!doctype html>\n<h1>Still here</h1>\n",
    "held.css": "body { margin: 0 }\n" * 40,
}


async def test_a_run_that_an_earlier_version_began_is_finished_by_this_one(
    tmp_path: Path,
) -> None:
    await check_handed_on(previous_version(tmp_path).environment, {})


async def check_handed_on(first: Mapping[str, str], second: Mapping[str, str]) -> None:
    """Check that an installation under *second* ends what *first* began."""
    app = FakeApp([FakePhase("Page", FILES)])
    app.holds["held.css"] = asyncio.Event()  # the first one never sees its end
    async with model_server(app) as model:
        settings = model.environment | {"SANDBOX_PAGE_CHECK": "false"}
        with server_folder() as folder:
            await check_in(folder, {**settings, **first}, {**settings, **second})


async def check_in(
    folder: Path, first: Mapping[str, str], second: Mapping[str, str]
) -> None:
    """Check the same in *folder*, while the model stands still within a file."""
    with Stack(folder, **first) as before:
        async with person(before) as ada:
            project = await ada.create_project("a page")
            async with ada.socket(project) as socket:
                await socket.say("start_generation")
                await socket.hear("file_end")
            cookies = dict(ada.http.cookies)
    with Stack(folder, **second) as after:
        async with httpx.AsyncClient(
            base_url=after.url, cookies=cookies, timeout=60
        ) as http:
            again = Person(after, http)
            async with again.socket(project, after=0) as socket:
                await socket.hear_end()
            shown = await again.project_as(project, "complete")
            files = await again.get(f"/api/project-files/{project}")
            told = {one["path"]: one["content"] for one in files}
            assert told == recorded_files(socket.heard)
            seqs = [one["seq"] for one in socket.heard if "seq" in one]
            assert seqs == list(range(1, len(seqs) + 1))
            await again.preview_until(shown["previewUrl"], "Still here")
