"""The agent's own prompts and client against the demo model: one language."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from agent.adapters.openrouter import OpenRouter, open_model
from agent.domain.content import File
from agent.domain.outcome import CallEnd
from agent.domain.prompting.plan import SCHEMA, PhasePlan, read_plan
from agent.domain.prompting.prompt import Message, design_messages, implement_messages
from agent.domain.run import ImplementPhase
from agent.domain.run_state import Phase, Run, Said
from agent.domain.state import Project
from agent.ports import ModelCall
from standalone.demo_model.library import App, load
from tests.support.demo_model import DemoModelServer, written_files
from tests.support.servers import server_folder

FOCUS, KANBAN, EXPENSES = load().apps


@pytest.fixture(scope="module")
def demo_model() -> Iterator[DemoModelServer]:
    """A server that answers without delay."""
    with server_folder() as folder, DemoModelServer(folder) as server:
        yield server


@pytest.fixture
async def model(demo_model: DemoModelServer) -> AsyncIterator[OpenRouter]:
    """The agent's client of it."""
    async with open_model(f"{demo_model.url}/api/v1", "demo") as model:
        yield model


async def ask(
    model: OpenRouter, messages: list[Message], schema: dict[str, Any] | None = None
) -> str:
    """Return the answer, which must be complete and accounted for."""
    *pieces, end = [
        piece async for piece in model.answer(ModelCall("any/model", messages, schema))
    ]
    assert isinstance(end, CallEnd)
    assert (end.outcome, end.usage.cost_usd) == ("complete", 0)
    assert end.usage.completion_tokens
    assert end.model == "atelier/demo"
    return "".join(map(str, pieces))


def project_of(description: str, files: dict[str, str]) -> Project:
    stored = {path: File(uuid4(), text, len(text)) for path, text in files.items()}
    return Project(description=description, files=stored)


async def build(
    model: OpenRouter,
    description: str,
    prompt: str,
    files: dict[str, str],
    remarks: tuple[str, ...] = (),
) -> dict[str, str]:
    """Return the files after a run that carries out what the model plans."""
    messages = tuple(map(Said, remarks))
    run = Run(uuid4(), prompt, model=None, max_phases=10, messages=messages)
    while not (run.phases and run.phases[-1].is_last):
        project = project_of(description, files)
        plan = await design(model, project, run)
        phase = Phase(
            plan.name, plan.description, tuple(plan.files), plan.is_last_phase
        )
        phases = (*run.phases, phase)
        run = Run(run.id, prompt, None, 10, messages=messages, phases=phases)
        effect = ImplementPhase(run.id, len(phases) - 1, 1, phase.files)
        answer = await ask(model, implement_messages(project, run, effect))
        written = written_files(answer, files)
        assert list(written) == [file.path for file in plan.files]
        files = files | written
    return files


async def design(model: OpenRouter, project: Project, run: Run) -> PhasePlan:
    return read_plan(await ask(model, design_messages(project, run), SCHEMA), project)


@pytest.mark.parametrize("app", [FOCUS, KANBAN, EXPENSES], ids=lambda app: app.title)
async def test_a_run_builds_the_app(app: App, model: OpenRouter) -> None:
    prompt = f"Please: {min(app.keywords)}"
    assert await build(model, prompt, prompt, {}) == app.complete


async def test_a_follow_up_changes_the_app(model: OpenRouter) -> None:
    files = await build(model, "kanban", "search", dict(KANBAN.complete))
    assert files == {**KANBAN.complete, **KANBAN.edits[0].contents}


async def test_remarks_are_taken_in_at_the_end(model: OpenRouter) -> None:
    remarks = ("dark mode", "and make\nit blue")
    files = await build(model, "timer", "timer", {}, remarks)
    assert 'data-theme="dark"' in files["index.html"]
    assert "--hue: 250;" in files["styles.css"]


async def test_two_follow_ups_build_on_each_other(model: OpenRouter) -> None:
    files = await build(model, "expenses", "use dollars", dict(EXPENSES.complete))
    files = await build(model, "expenses", "call it “# Files”", files)
    assert '"USD"' in files["money.js"]
    assert "<h1># Files</h1>" in files["index.html"]
