"""What a run looks like at a terminal."""

import msgspec
import pytest

from contracts.browser import AnyServerMessage
from standalone.client.view import View, printable


def told(view: View, *messages: dict[str, object]) -> list[str]:
    """Take messages as a server sends them; return the lines that a person sees."""
    return [
        line
        for message in messages
        for line in view.take(msgspec.convert(message, AnyServerMessage))
    ]


def message(kind: str, seq: int | None = None, **data: object) -> dict[str, object]:
    return {"type": kind, "data": data} | ({} if seq is None else {"seq": seq})


STARTED = message("run_started", 1, runId="r", prompt="a kanban\nboard")
PHASE = message(
    "phase_start",
    2,
    phaseIndex=0,
    name="Board",
    description="",
    files=[{"path": "a.ts", "purpose": ""}, {"path": "b.ts", "purpose": ""}],
    isLastPhase=True,
)
COMPLETE = message("generation_complete", 9, files=["a.ts", "b.ts"], phases=1)


def state(
    name: str, seq: int | None = None, url: str | None = None
) -> dict[str, object]:
    return message(
        "state_update",
        seq,
        currentState=name,
        currentPhase=None,
        totalPhases=0,
        generatedFiles=[],
        previewUrl=url,
        version=0,
    )


def test_a_run_is_told_step_by_step() -> None:
    assert told(
        View(),
        STARTED,
        state("designing", 2),
        PHASE,
        message("file_end", 4, path="a.ts", content="x" * 1500),
        message("packages_requested", 5, argv=["npm", "install", "react"]),
        state("install", 6),
        message("deps_installed", 7),
        state("start", 8),
        message("server_started", 8, url="http://x.preview.localhost:3000/"),
        COMPLETE,
    ) == [
        "Building: a kanban board",
        "Designing the next phase",
        "Phase 1: Board",
        "  a.ts  1.5 kB",
        "  npm install react",
        "Installing packages",
        "Packages are installed",
        "Starting the app",
        "The app runs",
        "Complete: 2 files in 1 phase",
    ]


def test_the_bar_counts_files_and_characters() -> None:
    view = View()
    told(view, STARTED, PHASE)
    assert view.live.endswith(" 0/2")
    told(view, message("file_end", 3, path="a.ts", content=""))
    told(view, message("file_start", path="b.ts"))
    told(view, message("file_chunk", path="b.ts", chunk="12345"))
    assert view.live.endswith(" 1/2  b.ts  5 B")
    assert view.live.startswith("\N{FULL BLOCK}" * 10 + "\N{LIGHT SHADE}" * 10)


def test_a_file_that_starts_again_is_counted_anew() -> None:
    view = View()
    told(view, STARTED, PHASE, message("file_start", path="a.ts"))
    told(view, message("file_chunk", path="a.ts", chunk="12345"))
    told(view, message("file_start", path="a.ts"))
    assert view.live.endswith("a.ts  0 B")


def test_after_its_end_a_run_is_over_and_the_preview_known() -> None:
    view = View()
    told(view, STARTED, PHASE, state("complete", 8, "http://p/"), COMPLETE)
    assert view.is_over
    assert view.failure is None
    assert view.preview_url == "http://p/"
    assert view.live == ""


def test_a_failure_has_its_reason() -> None:
    view = View()
    lines = told(view, STARTED, message("generation_error", 3, message="No credit."))
    assert lines[-1] == "Failed: No credit."
    assert (view.is_over, view.failure) == (True, "No credit.")


def test_a_stop_is_an_end_without_a_reason() -> None:
    view = View()
    told(view, STARTED, message("run_stopped", 3, runId="r"))
    assert (view.is_over, view.failure) == (True, "")


def test_a_refusal_before_the_run_is_a_failure() -> None:
    view = View()
    told(view, message("error", code="rate_limited", message="Too many runs."))
    assert view.failure == "Too many runs."


def test_a_new_run_makes_the_old_end_forgotten() -> None:
    view = View()
    told(view, STARTED, COMPLETE, STARTED)
    assert not view.is_over


@pytest.mark.parametrize(("with_logs", "lines"), [(True, ["  | ready"]), (False, [])])
def test_what_the_app_prints_is_shown_on_demand(
    with_logs: bool,  # noqa: FBT001 - a parameter of the test
    lines: list[str],
) -> None:
    log = message("sandbox_log", type="stdout", content="ready\n")
    assert told(View(with_logs=with_logs), log) == lines


def test_what_a_model_wrote_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2J\x07b\r\u202ec") == "a[2Jbc"
