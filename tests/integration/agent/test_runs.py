"""Whole runs, from a prompt to a preview."""

import asyncio
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.codec import event_type
from contracts.progress import FileStarted, FileText
from contracts.project import (
    FileWritten,
    ModelCallCounted,
    ModelCallEnded,
    PostMessage,
    RunCompleted,
    RunState,
    RunStopped,
    SaveFile,
    StartRun,
    StateChanged,
    StopRun,
)
from contracts.sandbox import (
    CancelOperation,
    Failed,
    InstallDependencies,
    Pending,
    StartServer,
    SyncFiles,
)
from tests.integration.agent.conftest import CODE, PAGE, STYLES
from tests.integration.agent.runs import build, failure, is_over, states
from tests.integration.agent.world import PREVIEW, Client, World
from tests.support.demo_model import DemoModelServer
from tests.support.model_server import (
    FakeApp,
    FakePhase,
    delta,
    ending,
    head,
    refusal,
    streamed,
    whole,
)
from tests.support.polling import until


async def test_a_prompt_becomes_a_running_app(surroundings: World) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        view = await client.view()
        assert (view.state, view.preview_url) == (RunState.COMPLETE, PREVIEW)
        assert view.generated_files == ["index.html", "src/app.ts", "src/styles.css"]
        assert await states(client) == [
            *("designing", "implementing", "install", "start", "complete"),
        ]
        written = {
            event.path: event.content
            for event in await client.events()
            if isinstance(event, FileWritten)
        }
    assert written == {
        "index.html": PAGE,
        "src/app.ts": CODE,
        "src/styles.css": STYLES,
    }
    assert surroundings.sandbox.folders[client.project_id] == written


async def test_every_event_of_a_run_is_recorded_in_order(surroundings: World) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        events = await client.events()
        recorded = await client.history()
    assert [event_type(event) for event in events] == [  # type: ignore[arg-type]
        "project.created",
        *("run.started", "state.changed"),
        "model_call.started",
        *("model_call.ended", "phase.designed", "state.changed"),
        "model_call.started",
        *("file.written", "file.written", "file.written"),
        "model_call.ended",
        "phase.implemented",
        *("files.synced", "state.changed"),
        *("dependencies.installed", "state.changed"),
        "server.started",
        *("run.completed", "state.changed"),
    ]
    assert [one.seq for one in recorded] == list(range(1, len(recorded) + 1))
    run_ids = {one.meta.correlation_id for one in recorded[1:] if one.meta}
    assert len(run_ids) == 1


async def test_text_goes_to_screens_as_it_is_written(surroundings: World) -> None:
    client = surroundings.client()
    async with surroundings.agent(), client.watching() as seen:
        await build(client)
    started = [one.path for one in seen if isinstance(one, FileStarted)]
    assert started == ["index.html", "src/app.ts", "src/styles.css"]
    texts = [one for one in seen if isinstance(one, FileText)]
    assert "".join(one.text for one in texts if one.path == "index.html") == PAGE
    offset = 0
    for one in texts:
        offset = offset if one.offset else 0
        assert one.offset == offset
        offset += len(one.text)


async def test_a_late_joiner_gets_the_text_so_far(
    surroundings: World, app: FakeApp
) -> None:
    client = surroundings.client()
    go_on = app.holds["src/app.ts"] = asyncio.Event()
    async with surroundings.agent(), client.watching() as seen:
        await client.create()
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: "index.html" in view.generated_files)
        await until(lambda: FileText in map(type, seen[-1:]), "text is shown")
        await surroundings.bus.check()
        open_file = await client.open_file()
        texts = [one for one in seen if isinstance(one, FileText)]
        shown = "".join(one.text for one in texts if one.path == "src/app.ts")
        assert (open_file.path, open_file.text) == ("src/app.ts", shown)
        assert CODE.startswith(shown)
        go_on.set()
        await client.until(is_over)


async def test_phases_follow_each_other(surroundings: World) -> None:
    surroundings.model.app = FakeApp(
        [
            FakePhase("Board", {"index.html": PAGE}),
            FakePhase("Look", {"src/styles.css": STYLES}),
        ]
    )
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        assert await states(client) == [
            *("designing", "implementing", "designing", "implementing"),
            *("install", "start", "complete"),
        ]
        completed = [
            event for event in await client.events() if isinstance(event, RunCompleted)
        ]
    assert completed[0].phases == 2
    assert len(surroundings.sandbox.keys(SyncFiles)) == 2


async def test_a_follow_up_edits_the_app_where_it_runs(surroundings: World) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        patch = "cat << 'EOF' | patch src/styles.css\n"
        patch += "@@ -1 +1 @@\n-body { margin: 0 }\n+body { margin: 1px }\nEOF\n"
        plan = '{"name": "Margin", "description": "", "isLastPhase": true, "files": '
        plan += '[{"path": "src/styles.css", "purpose": "the margin"}]}'
        surroundings.model.scripts += [whole(plan), streamed(patch)]
        await client.do(PostMessage(uuid4(), uuid4(), "more margin"))
        await client.until(is_over)
        assert (await states(client))[5:] == ["designing", "implementing", "complete"]
    folder = surroundings.sandbox.folders[client.project_id]
    assert folder["src/styles.css"] == "body { margin: 1px }\n"
    assert len(surroundings.sandbox.keys(InstallDependencies)) == 1
    assert "# Request\nmore margin\n" in surroundings.model.designs()[1].texts[0]


async def test_a_patch_that_does_not_apply_is_followed_by_the_whole_file(
    surroundings: World,
) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        patch = "cat << 'EOF' | patch index.html\n@@ -1 +1 @@\n-nowhere\n+new\nEOF\n"
        plan = '{"name": "Edit", "description": "", "isLastPhase": true, "files": '
        plan += '[{"path": "index.html", "purpose": "the page"}]}'
        surroundings.model.scripts += [whole(plan), streamed(patch)]
        await client.do(PostMessage(uuid4(), uuid4(), "another page"))
        assert (await client.until(is_over)).state is RunState.COMPLETE
    again = surroundings.model.implements()[-1]
    assert again.paths == ["index.html"]
    assert "no patches" in again.texts[-1]


async def test_a_cut_stream_goes_on_with_the_missing_files(
    surroundings: World,
) -> None:
    client = surroundings.client()
    plan = '{"name": "Two", "description": "", "isLastPhase": true, "files": '
    plan += '[{"path": "index.html", "purpose": ""}, {"path": "src/app.ts",'
    plan += ' "purpose": ""}]}'
    text = "cat > index.html << 'EOF'\n<p>\nEOF\ncat > src/app.ts << 'EOF'\nexport"
    surroundings.model.scripts += [whole(plan), [head(), delta(text)]]
    async with surroundings.agent():
        await build(client)
        events = await client.events()
    outcomes = [one.outcome for one in events if isinstance(one, ModelCallEnded)]
    assert outcomes == ["complete", "cut", "complete"]
    assert surroundings.model.implements()[1].paths == ["src/app.ts"]
    assert surroundings.sandbox.folders[client.project_id] == {
        "index.html": "<p>\n",
        "src/app.ts": CODE,
    }


async def test_a_marker_that_may_be_cut_off_closes_no_file(
    surroundings: World,
) -> None:
    client = surroundings.client()
    plan = '{"name": "One", "description": "", "isLastPhase": true, "files": '
    plan += '[{"path": "index.html", "purpose": ""}]}'
    cut = [head(), delta("cat > index.html << 'EOF'\n<p>\nEOF")]
    surroundings.model.scripts += [whole(plan), cut]
    async with surroundings.agent():
        await build(client)
    assert surroundings.model.implements()[1].paths == ["index.html"]
    assert surroundings.sandbox.folders[client.project_id] == {"index.html": PAGE}


async def test_a_file_that_swallowed_another_is_asked_for_again_with_it(
    surroundings: World,
) -> None:
    client = surroundings.client()
    plan = '{"name": "One", "description": "", "isLastPhase": true, "files": '
    plan += '[{"path": "index.html", "purpose": ""}, '
    plan += '{"path": "src/app.ts", "purpose": ""}]}'
    swallowed = "cat > index.html << 'EOF'\n<p>\ncat > src/app.ts << 'EOF'\nx\nEOF\n"
    surroundings.model.scripts += [whole(plan), streamed(swallowed)]
    async with surroundings.agent():
        await build(client)
    assert surroundings.model.implements()[1].paths == ["index.html", "src/app.ts"]
    folder = surroundings.sandbox.folders[client.project_id]
    assert folder == {"index.html": PAGE, "src/app.ts": CODE}


async def test_a_plan_that_is_none_is_asked_for_again(surroundings: World) -> None:
    client = surroundings.client()
    surroundings.model.scripts += [whole("I would rather talk.")]
    async with surroundings.agent():
        await build(client)
        outcomes = [
            one.outcome
            for one in await client.events()
            if isinstance(one, ModelCallEnded)
        ]
    assert outcomes == ["invalid", "complete", "complete"]
    assert "could not be used" in surroundings.model.designs()[1].texts[-1]


async def test_packages_and_files_beyond_the_plan_are_kept(
    surroundings: World,
) -> None:
    client = surroundings.client()
    plan = '{"name": "One", "description": "", "isLastPhase": true, "files": '
    plan += '[{"path": "index.html", "purpose": ""}]}'
    text = "cat > README.md << 'EOF'\nRead me.\nEOF\nnpm install zod\n"
    text += "cat > index.html << 'EOF'\n<p>\nEOF\nnpm install zod\n"
    surroundings.model.scripts += [whole(plan), streamed(text)]
    async with surroundings.agent():
        await build(client)
        counts = Counter(one.type for one in await client.history())
    assert counts["packages.requested"] == 1
    assert surroundings.sandbox.folders[client.project_id].keys() == {
        "README.md",
        "index.html",
    }


# --- failing ------------------------------------------------------------------------


async def test_a_model_that_brings_nothing_fails_the_run(surroundings: World) -> None:
    client = surroundings.client()
    surroundings.model.scripts += [whole("No."), whole("No."), whole("No.")]
    async with surroundings.agent():
        await build(client)
        assert "plan the next phase in 3 attempts" in await failure(client)
    assert len(surroundings.model.asked) == 3


async def test_a_key_that_is_refused_fails_the_run_at_once(
    surroundings: World,
) -> None:
    client = surroundings.client()
    surroundings.model.scripts += [refusal("401 Unauthorized", "No")]
    async with surroundings.agent():
        await build(client)
        assert "check OPENROUTER_API_KEY" in await failure(client)
    assert len(surroundings.model.asked) == 1


async def test_a_step_of_the_sandbox_that_fails_says_why(surroundings: World) -> None:
    client = surroundings.client()
    surroundings.sandbox.answers[InstallDependencies] = Failed("No such package: zodd.")
    async with surroundings.agent():
        await build(client)
        assert "this: No such package: zodd." in await failure(client)
        surroundings.sandbox.answers.clear()
        await client.do(StartRun(uuid4()))
        assert (await client.until(is_over)).state is RunState.COMPLETE


async def test_without_a_sandbox_service_the_run_fails_after_a_while(
    surroundings: World,
) -> None:
    client = surroundings.client()
    surroundings.sandbox.away = True
    async with surroundings.agent(sandbox_away_s=0.3):
        await build(client)
        assert "sandbox service does not answer" in await failure(client)


# --- people meanwhile ---------------------------------------------------------------


async def test_what_a_person_does_meanwhile_does_not_disturb_the_run(
    surroundings: World, app: FakeApp
) -> None:
    client = surroundings.client()
    go_on = app.holds["src/app.ts"] = asyncio.Event()
    async with surroundings.agent():
        await client.create()
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: "index.html" in view.generated_files)
        await client.do(SaveFile(uuid4(), "notes.txt", "mine\n"))
        await client.do(PostMessage(uuid4(), uuid4(), "and make it blue"))
        go_on.set()
        assert (await client.until(is_over)).state is RunState.COMPLETE
    assert surroundings.sandbox.folders[client.project_id]["notes.txt"] == "mine\n"
    taken_in = surroundings.model.designs()[1].texts[0]
    assert "# Messages\n- and make it blue\n" in taken_in


async def settled(client: Client) -> ModelCallCounted:
    """Return what a driver has recorded of a call that was stopped."""
    async with asyncio.timeout(60):
        while True:
            last = (await client.events())[-1]
            if isinstance(last, ModelCallCounted):
                return last
            await asyncio.sleep(0.02)


async def test_a_stop_closes_the_models_connection(
    surroundings: World, app: FakeApp
) -> None:
    client = surroundings.client()
    app.holds["src/app.ts"] = asyncio.Event()
    async with surroundings.agent():
        await client.create()
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: "index.html" in view.generated_files)
        view = await client.do(StopRun())
        assert (view.state, view.generated_files) == (RunState.IDLE, ["index.html"])
        async with asyncio.timeout(60):
            await surroundings.model.implements()[0].hung_up.wait()
        counted = await settled(client)
        events = await client.events()
    assert [type(event) for event in events[-4:-1]] == [
        ModelCallEnded,
        RunStopped,
        StateChanged,
    ]
    assert (counted.usage.estimated, counted.usage.prompt_tokens) == (True, 0)
    assert 50 < (counted.usage.completion_tokens or 0) < len(CODE) // 4


async def test_a_stop_cancels_what_the_sandbox_does(surroundings: World) -> None:
    client = surroundings.client()
    surroundings.sandbox.answers[StartServer] = Pending()
    async with surroundings.agent():
        await client.create()
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: view.state is RunState.START)
        keys = surroundings.sandbox.keys
        await until(lambda: bool(keys(StartServer)), "the app is started")
        await client.do(StopRun())
        await until(lambda: bool(keys(CancelOperation)), "that is cancelled")


async def test_a_run_after_a_stop_goes_on_from_what_is_there(
    surroundings: World, app: FakeApp
) -> None:
    client = surroundings.client()
    app.holds["src/app.ts"] = asyncio.Event()
    async with surroundings.agent():
        await client.create()
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: "index.html" in view.generated_files)
        await client.do(StopRun())
        await client.do(StartRun(uuid4()))
        assert (await client.until(is_over)).state is RunState.COMPLETE
    assert "cat > index.html" in surroundings.model.designs()[1].texts[1]


async def test_a_message_that_came_too_late_gets_a_run_of_its_own(
    surroundings: World,
) -> None:
    client = surroundings.client()
    surroundings.sandbox.answers[StartServer] = Pending()
    async with surroundings.agent():
        await client.create()
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: view.state is RunState.START)
        await client.do(PostMessage(uuid4(), uuid4(), "make it blue"))
        surroundings.sandbox.answers.clear()
        designs = surroundings.model.designs
        await until(lambda: len(designs()) > 1, "another run begins")
        await client.until(is_over)
        assert (await states(client))[4:] == [
            *("complete", "designing", "implementing", "complete"),
        ]
    assert "# Request\nmake it blue\n" in surroundings.model.designs()[1].texts[0]


async def test_text_that_is_cut_in_mid_character_is_whole_in_the_log(
    surroundings: World,
) -> None:
    client = surroundings.client()
    plan = '{"name": "One", "description": "", "isLastPhase": true, "files": '
    plan += '[{"path": "index.html", "purpose": ""}]}'
    text = "cat > index.html << 'EOF'\nGrüße 😀\n\n \nEOF\n"
    sent = delta(text).replace(b"\\u00fc", "ü".encode()) + ending()
    script = [head(), *(bytes([byte]) for byte in sent)]
    surroundings.model.scripts += [whole(plan), script]
    async with surroundings.agent():
        await build(client)
    folder = surroundings.sandbox.folders[client.project_id]
    assert folder == {"index.html": "Grüße 😀\n\n \n"}


@pytest.mark.parametrize("prompt", ["A focus timer", "Track my expenses"])
async def test_the_demo_model_goes_through_the_same_code(
    surroundings: World, tmp_path: Path, prompt: str
) -> None:
    with DemoModelServer(tmp_path) as demo:
        url = f"{demo.url}/api/v1"
        async with surroundings.agent(openrouter_base_url=url, lease_ttl_s=30.0):
            client = surroundings.client()
            await client.create(prompt)
            await client.do(StartRun(uuid4()))
            assert (await client.until(is_over)).state is RunState.COMPLETE
            await client.do(PostMessage(uuid4(), uuid4(), "make it blue"))
            view = await client.until(is_over)
            assert view.state is RunState.COMPLETE
            events = await client.events()
    outcomes = [one.outcome for one in events if isinstance(one, ModelCallEnded)]
    assert set(outcomes) == {"complete"}
