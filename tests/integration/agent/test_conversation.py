"""Questions, pictures, edits and settings, through an agent and its servers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts import codec, subjects
from contracts.progress import ReplyText
from contracts.project import (
    AssistantReplied,
    DeleteFile,
    FileConflict,
    FileWritten,
    Image,
    ModelCallStarted,
    PhaseDesigned,
    PostMessage,
    ProjectSettings,
    RunFailed,
    RunState,
    SaveFile,
    StartRun,
    UpdateSettings,
)
from contracts.requests import (
    GetDigest,
    GetLimits,
    GetModels,
    Limits,
    LimitsAnswer,
    Models,
    ModelsAnswer,
    Refused,
    SetLimits,
    SpendLimits,
    StateDigest,
)
from tests.integration.agent.conftest import PAGE
from tests.integration.agent.runs import PNG, build, is_over, states
from tests.integration.agent.world import Client, World
from tests.support.model_server import FakeApp, refusal, streamed, whole

_pieces = codec.decoder(ReplyText)
_models = codec.decoder(ModelsAnswer)
_limits = codec.decoder(LimitsAnswer)


def answered(reply: str | None, *paths: str) -> str:
    """Return a plan that may be an answer."""
    files = [{"path": path, "purpose": "changes"} for path in paths]
    plan = {"name": "Answer", "description": "", "files": files, "isLastPhase": True}
    return json.dumps(plan | {"reply": reply})


async def ask(client: Client, text: str, *images: Image) -> None:
    """Say something and wait for the end of what comes of it."""
    version = (await client.view()).version
    await client.do(PostMessage(uuid4(), uuid4(), text, list(images)))
    await client.until(lambda view: view.version > version + 3 and is_over(view))


async def test_a_question_is_answered_and_changes_no_file(surroundings: World) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        before = len(await states(client))
        surroundings.model.scripts.append(whole(answered("It is a board.")))
        async with replies(client) as pieces:
            await ask(client, "What is it?")
        events = await client.events()
        ways = (await states(client))[before:]
    (replied,) = [one for one in events if isinstance(one, AssistantReplied)]
    assert (
        replied.content == "".join(piece.text for piece in pieces) == "It is a board."
    )
    assert ways == ["designing", "implementing", "complete"]
    assert len([one for one in events if isinstance(one, PhaseDesigned)]) == 1
    assert len(surroundings.model.implements()) == 1


async def test_an_answer_is_seen_as_it_is_written(surroundings: World) -> None:
    client = surroundings.client()
    async with surroundings.agent(model_streams_plans=True):
        await build(client)
        told = "It is a board. " * 20
        surroundings.model.scripts.append(streamed(answered(told)))
        async with replies(client) as pieces:
            await ask(client, "What is it?")
    assert "".join(piece.text for piece in pieces) == told
    assert len(pieces) > 10
    assert all(asked.body["stream"] for asked in surroundings.model.designs())


async def test_a_question_with_a_wish_gets_an_answer_and_a_change(
    surroundings: World,
) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        plan = answered("Yes, now it can.", "src/app.ts")
        surroundings.model.scripts.append(whole(plan))
        await ask(client, "Can it do more? If not, make it.")
        events = await client.events()
    assert [one.content for one in events if isinstance(one, AssistantReplied)] == [
        "Yes, now it can."
    ]
    assert surroundings.model.implements()[1].paths == ["src/app.ts"]


async def test_an_answer_is_remembered_in_the_next_question(
    surroundings: World,
) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        for reply in ("It is a board.", "Yes."):
            surroundings.model.scripts.append(whole(answered(reply)))
            await ask(client, f"Question before {reply}")
    assert "- You: It is a board." in surroundings.model.designs()[2].texts[0]


async def test_pictures_are_passed_to_the_model(surroundings: World) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await client.create()
        await ask(client, "like this", Image("image/png", PNG))
    parts = surroundings.model.designs()[0].body["messages"][1]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url"]
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


async def test_the_largest_message_goes_through_bus_and_log(
    surroundings: World,
) -> None:
    image = Image("image/png", PNG + bytes(4_999_000))
    client = surroundings.client()
    async with surroundings.agent():
        await client.create()
        await ask(client, "ü" * 20_000, image)
        history = await client.history()
    assert max(len(bytes(one.data)) for one in history) > 6_600_000


async def test_a_persons_edit_in_the_same_phase_is_kept(
    surroundings: World, app: FakeApp
) -> None:
    go_on = app.holds["src/app.ts"] = asyncio.Event()
    client = surroundings.client()
    async with surroundings.agent():
        await client.create()
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: "index.html" in view.generated_files)
        await client.do(SaveFile(uuid4(), "src/styles.css", "mine {}\n"))
        go_on.set()
        await client.until(is_over)
        events = await client.events()
    (conflict,) = [one for one in events if isinstance(one, FileConflict)]
    assert (conflict.path, conflict.content) == (
        "src/styles.css",
        "body { margin: 0 }\n",
    )
    folder = surroundings.sandbox.folders[client.project_id]
    assert folder["src/styles.css"] == "mine {}\n"


async def test_a_deleted_file_leaves_the_sandbox(surroundings: World) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        await client.do(DeleteFile("src/styles.css"))
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: view.state is RunState.COMPLETE)
        view = await client.view()
    assert "src/styles.css" in view.generated_files  # the run wrote it again


async def test_a_projects_models_are_asked_and_named(surroundings: World) -> None:
    client = surroundings.client()
    settings = ProjectSettings(
        design_models=["a/plan"], write_models=["a/write", "b/w"]
    )
    async with surroundings.agent():
        await client.create()
        await client.do(UpdateSettings(settings))
        await client.do(StartRun(uuid4()))
        await client.until(is_over)
        events = await client.events()
    asked = [one.model for one in events if isinstance(one, ModelCallStarted)]
    assert asked == ["a/plan", "a/write"]
    assert [one.body["model"] for one in surroundings.model.asked] == asked


async def test_a_fallback_answers_where_the_first_model_cannot(
    surroundings: World,
) -> None:
    surroundings.model.scripts += [refusal("404 Not Found", "No such model.")]
    client = surroundings.client()
    async with surroundings.agent(openrouter_model="gone/model, fake/model"):
        await build(client)
        assert (await client.view()).state is RunState.COMPLETE
    names = [one.body["model"] for one in surroundings.model.asked]
    assert names == ["gone/model", "fake/model", "gone/model"]


async def test_the_models_are_listed_with_those_that_are_configured(
    surroundings: World,
) -> None:
    surroundings.model.models = [
        {
            "id": "a/b",
            "name": "A: B",
            "context_length": 1000,
            "pricing": {"prompt": "0.000001", "completion": "0.000002"},
            "architecture": {"input_modalities": ["text", "image"]},
            "supported_parameters": ["structured_outputs"],
        },
        {"id": 7},
        {"id": "c/d", "pricing": {"prompt": "x"}, "context_length": "many"},
    ]
    async with surroundings.agent(openrouter_design_model="plan/er"):
        body = await surroundings.bus.request(
            subjects.MODELS, codec.encode(GetModels()), timeout_s=5, traceparent=None
        )
    found = _models.decode(body)
    assert isinstance(found, Models)
    assert (found.design_models, found.write_models) == (["plan/er"], ["fake/model"])
    first, second = found.models
    assert (first.context_tokens, first.sees_images) == (1000, True)
    assert first.prompt_usd == pytest.approx(1.0)
    assert (second.id, second.context_tokens, second.prompt_usd) == ("c/d", None, None)
    assert second.sees_images, "a provider that does not say gets pictures"


async def test_what_is_spent_adds_up_by_owner_and_day_and_ends_runs(
    surroundings: World,
) -> None:
    client = surroundings.client()
    async with surroundings.agent(max_user_day_cost_usd=0.001):
        await build(client)
        assert (await client.view()).state is RunState.COMPLETE
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: view.state is RunState.ERROR)
        (failed,) = [one for one in await client.events() if isinstance(one, RunFailed)]
        usage = (await client.view()).usage
    assert "Your projects have used today's limit of $0.00" in failed.message
    assert usage.calls == 2
    assert usage.cost_usd == pytest.approx(0.0015)
    assert await spent(surroundings, UUID(client.actor.id)) == (2, 180, 0.0015)


async def test_limits_that_are_set_over_the_bus_hold_from_the_next_call_on(
    surroundings: World,
) -> None:
    client = surroundings.client()

    async def answer(subject: str, request: GetLimits | SetLimits) -> LimitsAnswer:
        body = codec.encode(request)
        told = await surroundings.bus.request(
            subject, body, timeout_s=5, traceparent=None
        )
        decoded: LimitsAnswer = _limits.decode(told)
        return decoded

    async with surroundings.agent(max_day_cost_usd=90.0):
        tight = SpendLimits(max_run_usd=0.0001, day_usd=90.0)
        told = await answer(subjects.SET_LIMITS, SetLimits(uuid4(), tight))
        assert told == Limits(tight, fixed=["day_usd"])
        await build(client)
        assert (await client.view()).state is RunState.ERROR
        loose = SetLimits(uuid4(), SpendLimits(day_usd=90.0))
        assert isinstance(await answer(subjects.SET_LIMITS, loose), Limits)
        refused = await answer(subjects.SET_LIMITS, SetLimits(uuid4(), SpendLimits()))
        assert isinstance(refused, Refused)
        told = await answer(subjects.LIMITS, GetLimits())
        assert told == Limits(SpendLimits(day_usd=90.0), fixed=["day_usd"])
        (failed,) = [one for one in await client.events() if isinstance(one, RunFailed)]
    assert "its limit is $0.00" in failed.message


async def test_a_state_does_not_depend_on_snapshots(
    surroundings: World, postgres: str
) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        for number in range(1_000):
            await client.do(SaveFile(uuid4(), "notes.txt", f"{number}\n"))
        live = await client.ask(GetDigest())
    assert await snapshots(surroundings) == 1
    async with surroundings.agent():
        from_snapshot = await client.ask(GetDigest())
    await forget_snapshots(postgres)
    async with surroundings.agent():
        from_log = await client.ask(GetDigest())
    assert isinstance(live, StateDigest)
    assert live == from_snapshot == from_log


async def test_every_written_version_of_a_file_is_in_the_log(
    surroundings: World,
) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        await client.do(SaveFile(uuid4(), "index.html", "mine"))
        events = await client.events()
    versions = [
        (one.author, one.content)
        for one in events
        if isinstance(one, FileWritten) and one.path == "index.html"
    ]
    assert versions == [("agent", PAGE), ("user", "mine")]


@asynccontextmanager
async def replies(client: Client) -> AsyncIterator[list[ReplyText]]:
    """Collect what is shown of answers as they are written."""
    seen: list[ReplyText] = []
    subscription = await client.bus.listen(
        subjects.reply(client.project_id),
        lambda _, body, __: seen.append(_pieces.decode(body)),
    )
    try:
        yield seen
    finally:
        await subscription.close()


async def spent(world: World, owner_id: UUID) -> tuple[int, int, float]:
    """Return calls, tokens and dollars of the owner, as the database has added them."""
    connection = await asyncpg.connect(world.database_url)
    try:
        row = await connection.fetchrow(
            "SELECT calls, tokens, cost_usd FROM log.spend WHERE owner_id = $1",
            owner_id,
        )
    finally:
        await connection.close()
    return row["calls"], row["tokens"], round(row["cost_usd"], 6)


async def forget_snapshots(postgres: str) -> None:
    """Delete all of them, as the owner of the database."""
    connection = await asyncpg.connect(postgres)
    try:
        await connection.execute("DELETE FROM log.snapshot")
    finally:
        await connection.close()


async def snapshots(world: World) -> int:
    """Return how many there are."""
    connection = await asyncpg.connect(world.database_url)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM log.snapshot")
    finally:
        await connection.close()
    return count
