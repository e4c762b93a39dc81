"""Whatever a run does, there is a way on, and a person sees it at once."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import (
    LOOKS,
    Look,
    Studio,
    Voice,
    eavesdrop,
    findings,
    shoot,
    sign_in,
    window,
)
from tests.support.stack import Message, Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPPOSITES = pytest.mark.parametrize("look", [LOOKS[0], LOOKS[-1]], ids=str)
RUN = {"runId": "7f9a2e6a-6c0b-4f3e-9a53-1c7d6b1f1d22", "prompt": "a page of birds"}
FILE = {"path": "src/birds.ts", "purpose": "the list of birds"}
PHASE = {
    "phaseIndex": 0,
    "name": "A list of birds",
    "description": "What is there to see, by season.",
    "files": [FILE, {"path": "index.html", "purpose": "the page"}],
    "isLastPhase": True,
}
PROBLEM = {
    "source": "types",
    "message": "Property 'wings' does not exist on type 'Bird'.",
    "path": FILE["path"],
    "line": 3,
}


def state(current: str) -> Message:
    data = {
        "currentState": current,
        "currentPhase": 0,
        "totalPhases": 1,
        "generatedFiles": [],
        "previewUrl": None,
        "version": 0,
    }
    return {"type": "state_update", "data": data}


def event(type_: str, **data: object) -> Message:
    return {"type": type_, "data": data}


MESSAGE = {"messageId": RUN["runId"], "content": "with pictures", "images": []}
END = {"content": "export {};\n", "encoding": "utf-8", "author": "agent"}
ERROR = (
    "The language model could not be reached: check OPENROUTER_API_KEY, then try again."
)
STEPS: dict[str, tuple[list[Message], str | None, list[str]]] = {
    "idle": ([], None, ["start", "build"]),
    "designing": (
        [event("run_started", **RUN), state("designing")],
        "Designing phase 1",
        ["stop"],
    ),
    "writing": (
        [event("phase_start", **PHASE), state("implementing")],
        "Asking the model",
        ["stop"],
    ),
    "queued": ([event("message_posted", **MESSAGE)], None, ["stop", "waiting"]),
    "installing": (
        [
            event("file_end", path=FILE["path"], **END),
            event("phase_end", phaseIndex=0, name=PHASE["name"], files=[FILE["path"]]),
            state("install"),
        ],
        "Installing packages",
        ["stop"],
    ),
    "starting": (
        [event("deps_installed"), state("start")],
        "Starting the app",
        ["stop"],
    ),
    "repairing": (
        [event("problems_reported", problems=[PROBLEM]), state("designing")],
        "repair 1 problem",
        ["stop", "reported"],
    ),
    "error": (
        [event("generation_error", message=ERROR), state("error")],
        None,
        ["start", "retry", "edit-prompt"],
    ),
    "stopped": (
        [
            event("run_started", **RUN),
            state("designing"),
            event("run_stopped", runId=RUN["runId"]),
            state("idle"),
        ],
        None,
        ["start", "retry", "edit-prompt"],
    ),
    "complete": (
        [
            event("run_started", **RUN),
            state("start"),
            event("generation_complete", files=[FILE["path"]], phases=1),
            state("complete"),
        ],
        None,
        ["start"],
    ),
}


async def follow(page: Page, voice: Voice, seq: int, step: str) -> int:
    """Let the server say what happens in *step*, and find the way on."""
    messages, doing, ways = STEPS[step]
    for message in messages:
        seq += 1
        voice.say(message["type"], seq=seq, **message["data"])
    for way in ways:
        await expect(page.get_by_test_id(way).last).to_be_visible()
        await expect(page.get_by_test_id(way).last).to_be_enabled()
    if doing is not None:
        await expect(page.get_by_test_id("activity")).to_contain_text(doing)
    await expect(page.get_by_test_id("message-input")).to_be_editable()
    return seq


@OPPOSITES
async def test_every_state_of_a_run_has_a_way_on(
    browser: Browser, stack: Stack, axe: str, look: Look
) -> None:
    found: list[str] = []
    async with person(stack) as ada, window(browser, look.size, dark=look.dark) as page:
        project = await ada.create_project("a page of birds")
        voice = await eavesdrop(page)
        await sign_in(page, ada)
        await page.goto(f"{stack.url}/projects/{project}")
        await expect(page.get_by_test_id("start")).to_be_enabled()
        async with ada.socket(project) as socket:
            await socket.say("get_state")
            seq = (await socket.hear("state_update"))["data"]["version"]
        for step in STEPS:
            seq = await follow(page, voice, seq, step)
            await shoot(page, f"run-{step}-{look}")
            found += await findings(page, axe)
    assert found == []


async def test_another_prompt_is_built_after_a_failure(
    browser: Browser, stack: Stack
) -> None:
    async with person(stack) as ada, window(browser, "phone") as page:
        project = await ada.create_project("a page of birds")
        await ada.http.patch(
            f"/api/projects/{project}/settings", json={"maxRunTokens": 1}
        )
        await sign_in(page, ada)
        await page.goto(f"{stack.url}/projects/{project}")
        await page.get_by_test_id("build").click()
        await expect(page.get_by_test_id("generation-error")).to_be_visible()
        await ada.http.patch(
            f"/api/projects/{project}/settings", json={"maxRunTokens": None}
        )
        await page.get_by_test_id("edit-prompt").click()
        message = page.get_by_test_id("message-input")
        await expect(message).to_have_value("a page of birds")
        await message.fill("a pomodoro timer")
        await page.get_by_test_id("send-message").click()
        await expect(page.get_by_test_id("message").last).to_have_text(
            "a pomodoro timer"
        )
        await page.get_by_test_id("stop").click()
        await page.get_by_test_id("retry").click()
        await expect(page.get_by_test_id("stop")).to_be_visible()


@OPPOSITES
async def test_a_lost_connection_and_a_refusal_say_what_to_do(
    browser: Browser, studio: Studio, axe: str, look: Look
) -> None:
    async with window(browser, look.size, studio, dark=look.dark) as page:
        voice = await eavesdrop(page)
        await page.goto(studio.url)
        start = page.get_by_test_id("start")
        await expect(start).to_be_enabled()
        voice.say("error", code="rate_limited", message="Too many messages.")
        refusal = page.get_by_test_id("refusal")
        await expect(refusal.get_by_role("button", name="Try again")).to_be_visible()
        await shoot(page, f"refusal-{look}")
        assert await findings(page, axe) == []
        await voice.hang_up(page)
        again = page.get_by_role("button", name="Reconnect now")
        await expect(again).to_be_visible()
        await expect(start).to_be_disabled()
        await shoot(page, f"connection-lost-{look}")
        assert await findings(page, axe) == []
