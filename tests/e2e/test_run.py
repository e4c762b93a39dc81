"""From a prompt to a running app, and on from there."""

from tests.support.stack import (
    Person,
    Stack,
    is_state,
    recorded_files,
    streamed_files,
)

STATES = ["designing", "implementing", "install", "start", "complete"]


async def test_a_prompt_becomes_a_running_app(ada: Person) -> None:
    project = await ada.create_project("a pomodoro timer")
    async with ada.socket(project, after=0) as socket:
        end = await socket.build()
    recorded = socket.recorded()
    assert [message["seq"] for message in recorded] == [*range(1, len(recorded) + 1)]
    assert [
        message["data"]["currentState"]
        for message in recorded
        if message["type"] == "state_update"
    ] == STATES
    assert streamed_files(socket.heard) == recorded_files(socket.heard)
    assert end["data"]["files"] == sorted(recorded_files(socket.heard))
    shown = await ada.project_as(project, "complete")
    page = await ada.preview(shown["previewUrl"])
    assert "<h1" in page.text
    assert "Deep Focus" in page.text


async def test_the_files_are_there_by_rest(ada: Person) -> None:
    project = await ada.create_project("a countdown timer")
    async with ada.socket(project) as socket:
        await socket.build()
    await ada.project_as(project, "complete")
    files = await ada.get(f"/api/project-files/{project}")
    assert {file["path"]: file["content"] for file in files} == recorded_files(
        socket.heard
    )


async def test_several_phases_follow_each_other(ada: Person) -> None:
    project = await ada.create_project("an expense tracker")
    async with ada.socket(project) as socket:
        end = await socket.build()
    starts = [m["data"] for m in socket.heard if m["type"] == "phase_start"]
    assert [data["phaseIndex"] for data in starts] == [0, 1, 2]
    assert [data["isLastPhase"] for data in starts] == [False, False, True]
    assert end["data"]["phases"] == 3


async def test_a_follow_up_changes_the_app_without_starting_it_again(
    ada: Person,
) -> None:
    project = await ada.create_project("a focus timer")
    async with ada.socket(project) as socket:
        await socket.build()
        await socket.say("user_message", content="Please add a dark theme")
        await socket.hear_end()
    assert socket.types().count("server_started") == 1
    url = (await ada.project_as(project, "complete"))["previewUrl"]
    assert 'id="theme"' in (await ada.preview(url)).text


async def test_stop_keeps_what_is_there_and_a_new_run_goes_on(ada: Person) -> None:
    project = await ada.create_project("a meditation timer")
    async with ada.socket(project) as socket:
        await socket.say("start_generation")
        await socket.hear("file_end")
        await socket.say("stop_generation")
        await socket.hear(is_state("idle"))
        kept = recorded_files(socket.heard)
        await socket.build()
    await ada.project_as(project, "complete")
    files = await ada.get(f"/api/project-files/{project}")
    assert kept.keys() <= {file["path"] for file in files}
    told = recorded_files(socket.heard)
    assert {file["path"]: file["content"] for file in files} == told


async def test_a_file_that_a_person_saves_is_in_the_preview(ada: Person) -> None:
    project = await ada.create_project("a stopwatch")
    async with ada.socket(project) as socket:
        await socket.build()
        saved = await ada.http.put(
            f"/api/project-files/{project}",
            json={"path": "note.html", "content": "<p>kept by hand</p>\n"},
        )
        assert saved.status_code == 200, saved.text
        await socket.hear(
            lambda m: m["type"] == "file_end" and m["data"]["path"] == "note.html"
        )
    url = (await ada.project_as(project, "complete"))["previewUrl"]
    await ada.preview_until(f"{url}note.html", "kept by hand")


async def test_a_deleted_project_is_gone_everywhere(ada: Person) -> None:
    project = await ada.create_project("a timer")
    async with ada.socket(project) as socket:
        await socket.build()
        url = (await ada.project_as(project, "complete"))["previewUrl"]
        answer = await ada.http.delete(f"/api/projects/{project}")
        assert answer.json() is True
        await socket.hear("project_deleted")
    assert (await ada.http.get(f"/api/projects/{project}")).status_code == 404
    await ada.preview_until(url, None)


async def test_killing_the_agent_in_a_file_loses_and_doubles_nothing(
    ada: Person, stack: Stack
) -> None:
    project = await ada.create_project("a kanban board")
    async with ada.socket(project, after=0) as socket:
        await socket.say("start_generation")
        await socket.hear("file_end")
        await socket.hear("file_chunk")
        stack.kill("agent")
        await socket.hear_end()
    recorded = socket.recorded()
    assert [message["seq"] for message in recorded] == [*range(1, len(recorded) + 1)]
    written = [m["data"]["path"] for m in recorded if m["type"] == "file_end"]
    assert len(written) == len(set(written))
    assert streamed_files(socket.heard) == recorded_files(socket.heard)
