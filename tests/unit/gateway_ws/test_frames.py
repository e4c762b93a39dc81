"""Every recorded event is one message with its seq."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from msgspec import Raw

from contracts import codec, project
from contracts.envelope import Recorded
from contracts.project import RunState
from gateway_ws.domain.frames import event_frame, event_of

ID = UUID(int=7)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NO_USAGE = project.Usage()


MESSAGES: list[tuple[project.ProjectEvent, str, dict[str, object]]] = [
    (
        project.StateChanged(RunState.DESIGNING, 0, 0, [], None),
        "state_update",
        {
            "currentState": "designing",
            "currentPhase": 0,
            "totalPhases": 0,
            "generatedFiles": [],
            "previewUrl": None,
            "version": 5,
        },
    ),
    (
        project.PhaseDesigned(
            ID,
            0,
            "Board",
            "A board.",
            [project.PlannedFile("a.ts", "state")],
            is_last_phase=True,
        ),
        "phase_start",
        {
            "phaseIndex": 0,
            "name": "Board",
            "description": "A board.",
            "files": [{"path": "a.ts", "purpose": "state"}],
            "isLastPhase": True,
        },
    ),
    (
        project.PhaseImplemented(ID, 0, "Board", ["a.ts"]),
        "phase_end",
        {"phaseIndex": 0, "name": "Board", "files": ["a.ts"]},
    ),
    (
        project.FileWritten(ID, "a.ts", "x\n", "agent"),
        "file_end",
        {"path": "a.ts", "content": "x\n", "encoding": "utf-8", "author": "agent"},
    ),
    (project.FilesSynced(ID, 3), "files_written", {"count": 3}),
    (project.DependenciesInstalled(ID, "m"), "deps_installed", {}),
    (
        project.ServerStarted(ID, "http://x", "s"),
        "server_started",
        {"url": "http://x"},
    ),
    (
        project.RunCompleted(ID, ["a.ts"], 1),
        "generation_complete",
        {"files": ["a.ts"], "phases": 1},
    ),
    (project.RunFailed(ID, "No."), "generation_error", {"message": "No."}),
    (project.RunStopped(ID), "run_stopped", {"runId": str(ID)}),
    (project.RunStarted(ID, "p"), "run_started", {"runId": str(ID), "prompt": "p"}),
    (
        project.ProjectCreated("n", "d", ID),
        "project_created",
        {"name": "n", "description": "d"},
    ),
    (
        project.ProjectUpdated("n", "d"),
        "project_updated",
        {"name": "n", "description": "d"},
    ),
    (project.ProjectDeleted(), "project_deleted", {}),
    (project.ProjectErased(9, ID, []), "unknown_event", {}),
    (
        project.MessagePosted(ID, "hi"),
        "message_posted",
        {"messageId": str(ID), "content": "hi", "images": []},
    ),
    (
        project.AssistantReplied(ID, "Done."),
        "assistant_message",
        {"messageId": str(ID), "content": "Done."},
    ),
    (
        project.SettingsChanged(project.ProjectSettings(locked_paths=["a.ts"])),
        "settings_changed",
        {
            "designModels": [],
            "writeModels": [],
            "lockedPaths": ["a.ts"],
            "maxRunCostUsd": None,
            "maxProjectCostUsd": None,
            "maxRunTokens": None,
            "variables": [],
        },
    ),
    (
        project.FileDeleted(ID, "a.ts", "user"),
        "file_deleted",
        {"path": "a.ts", "author": "user"},
    ),
    (
        project.FileConflict("a.ts", "x", "locked", ID, 0),
        "file_conflict",
        {"path": "a.ts", "content": "x", "reason": "locked", "encoding": "utf-8"},
    ),
    (
        project.ProblemsReported(ID, [project.Problem("types", "No.", "a.ts", 3)]),
        "problems_reported",
        {
            "problems": [
                {"source": "types", "message": "No.", "path": "a.ts", "line": 3}
            ]
        },
    ),
    (
        project.AccessGranted("robot", "read"),
        "access_granted",
        {"service": "robot", "access": "read"},
    ),
    (project.AccessRevoked("robot"), "access_revoked", {"service": "robot"}),
    (
        project.PackagesRequested(ID, ["npm", "install", "zod"]),
        "packages_requested",
        {"argv": ["npm", "install", "zod"]},
    ),
    (
        project.ModelCallStarted(ID, "design", 0, 1, "m"),
        "model_call_started",
        {
            "purpose": "design",
            "phaseIndex": 0,
            "attempt": 1,
            "model": "m",
            "outcome": None,
            "promptTokens": None,
            "completionTokens": None,
            "costUsd": None,
            "estimated": False,
            "retryAt": None,
        },
    ),
    (
        project.ModelCallEnded(
            ID, "implement", 0, 1, "cut", "m", project.Usage(7, 9, 0.5)
        ),
        "model_call_ended",
        {
            "purpose": "implement",
            "phaseIndex": 0,
            "attempt": 1,
            "model": "m",
            "outcome": "cut",
            "promptTokens": 7,
            "completionTokens": 9,
            "costUsd": 0.5,
            "estimated": False,
            "retryAt": None,
        },
    ),
    (
        project.ModelCallCounted(
            ID, "implement", 0, 1, "m", project.Usage(7, 9, None, estimated=True)
        ),
        "model_call_counted",
        {
            "purpose": "implement",
            "phaseIndex": 0,
            "attempt": 1,
            "model": "m",
            "outcome": None,
            "promptTokens": 7,
            "completionTokens": 9,
            "costUsd": None,
            "estimated": True,
            "retryAt": None,
        },
    ),
]


@pytest.mark.parametrize(("event", "kind", "data"), MESSAGES)
def test_an_event_is_told_in_the_words_of_the_contract(
    event: project.ProjectEvent, kind: str, data: dict[str, object]
) -> None:
    message = msgspec.json.decode(event_frame(event, 5, NOON))
    assert message == {
        "type": kind,
        "seq": 5,
        "at": "2030-01-01T12:00:00Z",
        "data": data,
    }


def test_every_event_has_a_message_of_its_own() -> None:
    told = {codec.event_type(event) for event, _, _ in MESSAGES}
    assert told == {
        str(kind.__struct_config__.tag) for kind in project.ProjectEvent.__args__
    }


@pytest.mark.parametrize(
    ("kind", "data"), [("run.paused", b'{"type":"run.paused"}'), ("run.failed", b"[]")]
)
def test_an_event_that_cannot_be_read_keeps_its_place(kind: str, data: bytes) -> None:
    event = event_of(Recorded(ID, ID, 9, kind, NOON, Raw(data)))
    message = msgspec.json.decode(event_frame(event, 9, NOON))
    del message["at"]
    assert message == {"type": "unknown_event", "seq": 9, "data": {}}
