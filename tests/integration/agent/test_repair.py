"""Apps that do not work at first, and what the agent makes of them."""

from uuid import uuid4

from contracts.project import ProblemsReported, RunFailed, RunState, StartRun
from contracts.sandbox import Failed, InstallDependencies, StartServer
from tests.integration.agent.runs import is_over, states
from tests.integration.agent.world import PREVIEW, Client, World
from tests.support.model_server import FakeApp, FakePhase

BROKEN = "let x = 'BROKEN: no such name'\n"
OTHER = "let x = 'BROKEN: no such import'\n"
WHOLE = "let x = 1\n"


def versions(*contents: str) -> FakeApp:
    """Return an app whose one file has these contents, one after the other."""
    phases = [FakePhase("Board", {"src/app.ts": content}) for content in contents]
    return FakeApp(phases, each_is_last=True)


async def run(world: World, app: FakeApp) -> Client:
    """Return the client of a run that is over."""
    world.model.app = app
    client = world.client()
    await client.create()
    await client.do(StartRun(uuid4()))
    await client.until(is_over)
    return client


async def test_a_broken_app_is_repaired_and_ends_in_a_working_preview(
    surroundings: World,
) -> None:
    async with surroundings.agent():
        client = await run(surroundings, versions(BROKEN, WHOLE))
        view, events = await client.view(), await client.events()
        ways = await states(client)
    assert (view.state, view.preview_url) == (RunState.COMPLETE, PREVIEW)
    assert surroundings.sandbox.folders[client.project_id] == {"src/app.ts": WHOLE}
    (report,) = [one for one in events if isinstance(one, ProblemsReported)]
    assert (report.problems[0].path, report.problems[0].line) == ("src/app.ts", 1)
    assert ways == [
        *("designing", "implementing", "install", "start"),
        *("designing", "implementing", "complete"),
    ]
    assert "# Problems" in surroundings.model.designs()[1].texts[-1]
    assert "no such name" in surroundings.model.implements()[1].texts[-1]


async def test_the_same_trouble_again_ends_the_run_with_a_sentence(
    surroundings: World,
) -> None:
    async with surroundings.agent():
        client = await run(surroundings, versions(BROKEN))
        (failed,) = [one for one in await client.events() if isinstance(one, RunFailed)]
        assert (await client.view()).state is RunState.ERROR
    assert failed.message.startswith("A repair did not help against this: let x")
    assert len(surroundings.model.designs()) == 2


async def test_at_most_three_repairs_follow_each_other(surroundings: World) -> None:
    contents = [f"let x = 'BROKEN {name}'\n" for name in ("a", "b", "c", "d", "e")]
    async with surroundings.agent():
        client = await run(surroundings, versions(*contents))
        (failed,) = [one for one in await client.events() if isinstance(one, RunFailed)]
    assert failed.message.startswith("After 3 repairs the app still has this")
    assert len(surroundings.model.designs()) == 4


async def test_a_failed_install_is_repaired(surroundings: World) -> None:
    surroundings.sandbox.answers[InstallDependencies] = Failed("No such package: zodd.")
    surroundings.sandbox.lasts[InstallDependencies] = 1
    async with surroundings.agent():
        client = await run(surroundings, versions(WHOLE, WHOLE))
        assert (await client.view()).state is RunState.COMPLETE
        assert await states(client) == [
            *("designing", "implementing", "install"),
            *("designing", "implementing", "install", "start", "complete"),
        ]


async def test_an_app_that_does_not_start_is_repaired(surroundings: World) -> None:
    surroundings.sandbox.answers[StartServer] = Failed("It ended.", "SyntaxError: x")
    surroundings.sandbox.lasts[StartServer] = 1
    async with surroundings.agent():
        client = await run(surroundings, versions(OTHER.replace("BROKEN", ""), WHOLE))
        assert (await client.view()).preview_url == PREVIEW
    assert "SyntaxError: x" in surroundings.model.designs()[1].texts[-1]


async def test_after_a_failed_repair_a_new_run_starts_from_what_is_there(
    surroundings: World,
) -> None:
    async with surroundings.agent():
        client = await run(surroundings, versions(BROKEN))
        surroundings.model.app = versions(WHOLE)
        await client.do(StartRun(uuid4()))
        view = await client.until(is_over)
    assert view.state is RunState.COMPLETE
