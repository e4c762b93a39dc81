"""Backup and restore: everything comes back byte for byte, where there was nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from standalone.keeping.database import owner_url
from standalone.machine.keys import load_keys
from tests.support.servers import PostgresServer, server_folder
from tests.support.stack import (
    RUN_TIMEOUT_S,
    Person,
    Stack,
    atelier,
    person,
    recorded_files,
)

EVENTS = """
SELECT project_id, seq, id, type, data, meta, epoch, at FROM log.event
 WHERE project_id = ANY($1::uuid[]) ORDER BY project_id, seq
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with server_folder() as lent:
        yield lent


async def events(data_dir: Path, ids: list[str]) -> list[tuple[Any, ...]]:
    """Return all recorded events of projects, as they are stored."""
    keys = load_keys(data_dir / "secrets.json")
    return await events_in(owner_url(data_dir / "postgres", keys), ids)


async def events_in(url: str, ids: list[str]) -> list[tuple[Any, ...]]:
    """Return the same of any database."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(EVENTS, ids)]
    finally:
        await connection.close()


async def files_of(http: httpx.AsyncClient, project_id: str) -> list[Any]:
    answer = await http.get(f"/api/project-files/{project_id}")
    assert answer.status_code == httpx.codes.OK, answer.text
    return list(answer.json())


async def test_a_restored_installation_has_every_project_byte_for_byte(
    stack: Stack, ada: Person, folder: Path
) -> None:
    finished = await ada.create_project("A pomodoro timer")
    async with ada.socket(finished) as socket:
        await socket.build()
    await ada.project_as(finished, "complete")
    under_way = await ada.create_project("A kanban board")
    file = folder / "backup.tar"
    async with ada.socket(under_way) as socket:
        await socket.say("start_generation")
        await socket.hear("file_end")
        said = atelier(stack.data_dir, "backup", str(file))
        assert "projects" in said, said
        await socket.hear_end()
    assert file.stat().st_mode & 0o777 == 0o600
    told = await events(stack.data_dir, [finished, under_way])
    files = await files_of(ada.http, finished)

    back = Stack(folder, DEMO_CHARACTERS_PER_SECOND="6000", SANDBOX_PAGE_CHECK="false")
    assert "are back" in atelier(back.data_dir, "restore", str(file))
    with back:
        restored = await events(back.data_dir, [finished, under_way])
        assert [one for one in restored if str(one[0]) == finished] == [
            one for one in told if str(one[0]) == finished
        ]
        before = [one for one in told if str(one[0]) == under_way]
        after = [one for one in restored if str(one[0]) == under_way]
        same = sum(one == other for one, other in zip(before, after, strict=False))
        assert same >= 5  # up to the moment of the backup they are the same log
        cookies = dict(ada.http.cookies)
        async with httpx.AsyncClient(
            base_url=back.url, cookies=cookies, timeout=60
        ) as http:
            again = Person(back, http)  # who was signed in still is
            assert await files_of(http, finished) == files
            await again.project_as(
                under_way, "complete", RUN_TIMEOUT_S
            )  # the run has gone on
            shown = (await again.get(f"/api/projects/{finished}"))["previewUrl"]
            name = httpx.URL(shown).host.split(".")[0]
            assert name in (await ada.get(f"/api/projects/{finished}"))["previewUrl"]


async def test_a_stopped_installation_is_saved_and_there_after_another_start(
    folder: Path,
) -> None:
    settings = {"DEMO_CHARACTERS_PER_SECOND": "0", "SANDBOX_PAGE_CHECK": "false"}
    with Stack(folder, **settings) as stack:
        async with person(stack) as ada:
            project = await ada.create_project("a pomodoro timer")
            async with ada.socket(project) as socket:
                await socket.build()
            before = await ada.project_as(project, "complete")
            assert stack.stop() == 0
            check_kept_apart(stack.data_dir, folder / "backup.tar", folder / "new")
            stack.start()
            assert await ada.get(f"/api/projects/{project}") == before
            async with ada.socket(project, after=0) as again:
                await again.hear(lambda m: m.get("seq") == socket.last_seq())
            assert recorded_files(again.heard) == recorded_files(socket.heard)
            await ada.preview_until(before["previewUrl"], "Deep Focus")


def check_kept_apart(data: Path, file: Path, new: Path) -> None:
    """Save what is stopped without its keys, which have to be there to restore it."""
    said = atelier(data, "backup", "--without-secrets", str(file))
    assert said.startswith(f"{file}: 1 projects, ")
    assert said.endswith(", without the keys\n")
    assert "The key that sealed" in atelier(new, "restore", str(file))
    assert not (new / "postgres").exists()
    shutil.copy(data / "secrets.json", new)
    assert "1 projects" in atelier(new, "restore", str(file))
    assert "There is an installation" in atelier(new, "restore", str(file))


async def test_a_database_of_somebody_elses_is_saved_and_filled(
    stack: Stack, ada: Person, folder: Path, nats_url: str
) -> None:
    project = await ada.create_project("Notes")
    written = {"path": "notes.md", "content": "every byte \u00e9\u2028"}
    answer = await ada.http.put(f"/api/project-files/{project}", json=written)
    assert answer.status_code == httpx.codes.OK, answer.text
    files = await files_of(ada.http, project)
    told = await events(stack.data_dir, [project])
    first, second = folder / "first.tar", folder / "second.tar"
    atelier(stack.data_dir, "backup", str(first))
    new = folder / "data"
    with (
        # Of its own: an installation gives the roles of its services other passwords.
        PostgresServer(folder) as server,
        server.database(migrated=False) as one,
        server.database(migrated=False) as other,
    ):
        assert "are back" in atelier(new, "restore", str(first), DATABASE_URL=one)
        assert await events_in(one, [project]) == told
        again = atelier(new, "restore", str(first), DATABASE_URL=one)
        assert "a database in use" in again
        assert "projects" in atelier(new, "backup", str(second), DATABASE_URL=one)
        assert "are back" in atelier(new, "restore", str(second), DATABASE_URL=other)
        assert await events_in(other, [project]) == told
        assert not (new / "postgres").exists()
        with Stack(folder, DATABASE_URL=other, NATS_URL=nats_url) as back:
            assert not (back.data_dir / "postgres").exists()
            assert not (back.data_dir / "nats").exists()
            async with httpx.AsyncClient(
                base_url=back.url, cookies=dict(ada.http.cookies), timeout=60
            ) as http:
                assert await files_of(http, project) == files


@pytest.fixture(scope="module")
def saved(stack: Stack) -> Iterator[bytes]:
    with server_folder() as lent:
        atelier(stack.data_dir, "backup", str(lent / "backup.tar"))
        yield (lent / "backup.tar").read_bytes()


def test_a_damaged_backup_is_refused_before_anything_is_touched(
    folder: Path, saved: bytes
) -> None:
    file, new, middle = folder / "backup.tar", folder / "new", len(saved) // 2
    changed = saved[:middle] + bytes([saved[middle] ^ 1]) + saved[middle + 1 :]
    for content in (saved[:middle], changed, b"something else"):
        file.write_bytes(content)
        said = atelier(new, "restore", str(file))
        assert "is not a backup" in said or "is damaged" in said
    assert sorted(one.name for one in new.iterdir()) == ["lock"]
