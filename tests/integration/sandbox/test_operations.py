"""What drivers ask over the bus."""

import asyncio
from uuid import uuid4

import pytest

from contracts import codec, subjects
from contracts.sandbox import (
    CancelOperation,
    Done,
    Failed,
    InstallDependencies,
    Installed,
    Pending,
    RemoveSandbox,
    Running,
    SandboxRequest,
    StaleEpoch,
    StartServer,
    Synced,
    SyncFiles,
)
from sandbox.adapters.keeping.keeper import parent_of
from tests.integration.sandbox.stage import Stage, host_of
from tests.support.polling import until

PAGE = {"index.html": "<h1>One</h1>", "js/app.js": "1"}
SERVER = {
    "package.json": '{"scripts": {"start": "node server.js"},'
    ' "dependencies": {"greeter": "1.0.0"}}',
    "server.js": "require('http').createServer((_, r) => r.end(require('greeter')))"
    ".listen(process.env.PORT, process.env.HOST);"
    "console.log('\\x1b[32mready\\x1b[0m')",
}
SLOW = {
    "package.json": '{"scripts": {"start": "node server.js"}}',
    "server.js": "console.log('here'); setInterval(() => {}, 1000)",
}


async def test_files_come_and_go_with_the_project(service: Stage) -> None:
    project = service.add(PAGE)
    assert await service.ask(project, SyncFiles(1)) == Synced(count=2, version=1)
    del service.agent.projects[project].files["js/app.js"]
    service.agent.projects[project].files["index.html"] = "<h1>Two</h1>"
    assert await service.ask(project, SyncFiles(1)) == Synced(count=1, version=1)
    folder = service.folder_of(project)
    assert [path.name for path in folder.rglob("*")] == ["index.html"]
    assert service.agent.asked == ["index.html", "js/app.js", "index.html"]
    # An agent that has not heard of it yet is asked again.
    assert await service.ask_once(project, SyncFiles(2), "ahead") == Pending()
    service.agent.projects[project].version = 2
    ahead = await service.ask(project, SyncFiles(2), key="ahead")
    assert ahead == Synced(count=1, version=2)


async def test_an_app_is_synced_installed_and_started(service: Stage) -> None:
    project = service.add(SERVER)
    await service.ask(project, SyncFiles(1))
    installed = await service.ask(project, InstallDependencies())
    assert isinstance(installed, Installed)
    assert not installed.skipped
    again = await service.ask(project, InstallDependencies())
    assert again == Installed(installed.manifest, skipped=True)
    running = await service.ask(project, StartServer())
    assert running == Running(f"http://{host_of(project)}/", str(project))
    assert (await service.visit(project)).text == "hello"
    await service.prints("ready")
    await service.prints("$ npm run --silent start")
    files = service.agent.projects[project].files
    files["package.json"] = SERVER["package.json"].replace("greeter", "nowhere")
    assert isinstance(await service.ask(project, InstallDependencies()), Failed)
    files["package.json"] = SERVER["package.json"]
    mended = await service.ask(project, InstallDependencies())
    assert mended == Installed(installed.manifest, skipped=False)


async def test_what_the_model_asked_for_is_installed_too(service: Stage) -> None:
    files = {**SERVER, "package.json": '{"scripts": {"start": "node server.js"}}'}
    project = service.add(files)
    packages = [["npm", "install", "greeter"], ["npm", "install", "x;rm -rf /"]]
    service.agent.projects[project].packages = packages
    await service.ask(project, SyncFiles(1))
    await service.ask(project, InstallDependencies())
    assert isinstance(await service.ask(project, StartServer()), Running)
    package = service.folder_of(project) / "package.json"
    assert package.read_text() == files["package.json"]


async def test_a_package_that_is_not_there_is_named(service: Stage) -> None:
    package = SERVER["package.json"].replace("greeter", "nowhere-to-be")
    project = service.add({**SERVER, "package.json": package})
    await service.ask(project, SyncFiles(1))
    failed = await service.ask(project, InstallDependencies())
    assert isinstance(failed, Failed)
    assert "nowhere-to-be" in failed.reason
    assert "404" in failed.log_tail


async def test_an_app_that_dies_while_it_starts_fails_at_once(service: Stage) -> None:
    files = {**SLOW, "server.js": "console.error('no such thing'); process.exit(3)"}
    project = service.add(files)
    await service.ask(project, SyncFiles(1))
    failed = await service.ask(project, StartServer())
    assert isinstance(failed, Failed)
    assert failed.reason == "The app stopped while it was starting (exit code 3)."
    assert "no such thing" in failed.log_tail


async def test_a_folder_with_nothing_to_run_says_so(service: Stage) -> None:
    project = service.add({"notes.txt": "none"})
    await service.ask(project, SyncFiles(1))
    failed = await service.ask(project, StartServer())
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("There is nothing to run")


async def test_asking_twice_starts_once(service: Stage) -> None:
    project = service.add(SLOW)
    await service.ask(project, SyncFiles(1))
    answers = await asyncio.gather(
        *(service.ask_once(project, StartServer(), "the key") for _ in range(3))
    )
    assert answers == [Pending()] * 3
    await service.prints("here")
    assert [line.content for line in service.logs].count("here") == 1


async def test_a_cancelled_start_is_ended(service: Stage) -> None:
    project = service.add(SLOW)
    await service.ask(project, SyncFiles(1))
    assert await service.ask_once(project, StartServer(), "start") == Pending()
    assert await service.ask(project, CancelOperation()) == Done()
    failed = await service.ask_once(project, StartServer(), "start")
    assert failed == Failed("The operation was cancelled.")
    assert service.processes_of(project) == []


async def test_the_stop_of_a_run_that_nobody_drives_ends_its_commands(
    service: Stage,
) -> None:
    project, run_id, other_id = service.add(SLOW), uuid4(), uuid4()
    await service.ask(project, SyncFiles(1))
    key, other = f"{run_id}:start:1", f"{other_id}:start:1"
    assert await service.ask_once(project, StartServer(), key) == Pending()
    await service.prints("here")
    await service.stop_run(project, run_id)

    async def is_ended() -> bool:
        return not service.processes_of(project)

    await until(is_ended, "the command is ended")
    # Nor does a driver that was asleep begin anew what it has not heard the end of.
    for again in (key, f"{run_id}:install:2"):
        ended = await service.ask_once(project, StartServer(), again)
        assert ended == Failed("The operation was cancelled.")
    assert await service.ask_once(project, StartServer(), other) == Pending()
    assert await service.ask(project, CancelOperation()) == Done()


async def test_cancelling_leaves_a_running_app(service: Stage) -> None:
    project = service.add(SERVER)
    for step in (SyncFiles(1), InstallDependencies(), StartServer()):
        await service.ask(project, step)
    assert await service.ask(project, CancelOperation()) == Done()
    assert (await service.visit(project)).text == "hello"


async def test_an_earlier_driver_is_refused_also_after_a_restart(
    service: Stage,
) -> None:
    project = service.add(PAGE)
    await service.ask(project, SyncFiles(1), epoch=6)
    assert await service.ask(project, CancelOperation(), epoch=7) == Done()
    assert await service.ask(project, SyncFiles(1), epoch=6) == StaleEpoch(7)
    service.restart()
    assert await service.ask(project, SyncFiles(1), epoch=6) == StaleEpoch(7)
    assert isinstance(await service.ask(project, SyncFiles(1), epoch=7), Synced)


async def test_a_later_driver_ends_what_the_earlier_one_wanted(service: Stage) -> None:
    project = service.add(SLOW)
    await service.ask(project, SyncFiles(1))
    assert await service.ask_once(project, StartServer(), "early") == Pending()
    synced = await service.ask(project, SyncFiles(1), epoch=2)
    assert isinstance(synced, Synced)
    assert service.processes_of(project) == []
    ended = await service.ask_once(project, StartServer(), "early", 2)
    assert ended == Failed("The operation was cancelled.")


async def test_a_later_driver_takes_over_the_same_operation(service: Stage) -> None:
    project = service.add(SLOW)
    await service.ask(project, SyncFiles(1))
    await service.ask_once(project, StartServer(), "same")
    await service.prints("here")
    before = service.processes_of(project)
    assert await service.ask_once(project, StartServer(), "same", 2) == Pending()
    assert service.processes_of(project) == before != []


async def test_removing_leaves_neither_folder_nor_process(service: Stage) -> None:
    project = service.add(SERVER)
    for step in (SyncFiles(1), InstallDependencies(), StartServer()):
        await service.ask(project, step)
    running = service.processes_of(project)
    assert await service.ask(project, RemoveSandbox(), epoch=2) == Done()
    assert not service.folder_of(project).parent.exists()
    assert [pid for pid in running if parent_of(str(pid)) is not None] == []
    assert await service.ask_once(project, SyncFiles(1), "late") == StaleEpoch(2)


async def test_nothing_that_is_done_keeps_a_sandbox_from_being_removed(
    service: Stage,
) -> None:
    service.registry.is_silent = True
    project = service.add(SERVER)
    await service.visit(project)
    await until(lambda: service.registry.asked, "packages are installed for a visitor")
    install = InstallDependencies()
    assert await service.ask_once(project, install, "waiting") == Pending()
    running = service.processes_of(project)
    removals = (service.ask(project, RemoveSandbox()) for _ in range(2))
    assert Done() in await asyncio.gather(*removals)
    assert not service.folder_of(project).parent.exists()
    assert [pid for pid in running if parent_of(str(pid)) is not None] == []


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[" * 100_000, b'{"project_id": 1}', b"x" * 1_000_000],
    ids=["empty", "no text", "deep", "wrong", "long"],
)
async def test_a_hostile_request_gets_an_answer(service: Stage, body: bytes) -> None:
    answer = await service.ask_raw(subjects.sandbox(uuid4(), "sync_files"), body)
    assert isinstance(answer, Failed)
    project = service.add(PAGE)
    assert isinstance(await service.ask(project, SyncFiles(1)), Synced)


async def test_a_request_under_another_projects_subject_is_refused(
    service: Stage,
) -> None:
    project = service.add(PAGE)
    request = SandboxRequest(project, 1, "key", RemoveSandbox())
    subject = subjects.sandbox(uuid4(), "remove_sandbox")
    answer = await service.ask_raw(subject, codec.encode(request))
    assert answer == Failed("The request names another project than its subject.")


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", ".git/config", "a\\b"])
async def test_a_hostile_name_fails_the_sync(service: Stage, path: str) -> None:
    project = service.add({"index.html": "", path: "x"})
    assert isinstance(await service.ask(project, SyncFiles(1)), Failed)


async def test_a_project_that_was_deleted_leaves_no_folder(service: Stage) -> None:
    project = service.add(PAGE)
    await service.ask(project, SyncFiles(1))
    await service.delete(project)

    async def gone() -> bool:
        return not service.folder_of(project).parent.exists()

    await until(gone, "the folder is gone")
    assert isinstance(await service.ask(project, SyncFiles(1)), Failed)
    assert await gone()
