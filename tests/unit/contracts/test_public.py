"""What clients and services outside are told of events, and what they are not."""

from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import msgspec
import pytest

from contracts import browser, codec, public
from contracts.envelope import Recorded
from contracts.project import ProjectEvent, ProjectSettings, RunState, SettingsChanged
from contracts.requests import (
    Accepted,
    CommandAnswer,
    History,
    Manifest,
    ProjectAnswer,
    ProjectView,
    QueryAnswer,
    Refused,
)

HUSH = "hush-hush"
SETTINGS = ProjectSettings(variables={"API_KEY": HUSH}, locked_paths=["a.txt"])
EVENT = SettingsChanged(SETTINGS)
RECORDED = Recorded(
    id=UUID(int=1),
    project_id=UUID(int=2),
    seq=3,
    type="settings.changed",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    data=msgspec.Raw(codec.encode(EVENT)),
)
VIEW = ProjectView(
    id=UUID(int=2),
    owner_id=UUID(int=4),
    name="n",
    description="d",
    state=RunState.IDLE,
    current_phase=None,
    total_phases=0,
    generated_files=[],
    preview_url=None,
    sandbox_id=None,
    version=3,
    settings=SETTINGS,
)


def test_each_event_has_a_message_of_its_own() -> None:
    handled = set(public.message.registry) - {object}
    assert handled == set(get_args(ProjectEvent))


def test_an_event_of_a_newer_version_keeps_its_place() -> None:
    unknown = codec.UnknownEvent("run.paused", msgspec.Raw(b"{}"))
    assert public.message(unknown, 7) == browser.UnknownEvent(seq=7)


def test_an_event_that_cannot_be_read_is_an_unknown_one() -> None:
    damaged = msgspec.structs.replace(RECORDED, data=msgspec.Raw(b"[]"))
    assert isinstance(public.event_of(damaged), codec.UnknownEvent)


def test_clients_are_told_the_names_of_variables_alone() -> None:
    told = codec.encode(public.message(EVENT, 3))
    assert HUSH.encode() not in told
    assert b"API_KEY" in told


@pytest.mark.parametrize(
    "answer",
    [
        Accepted(3, VIEW),
        ProjectAnswer(VIEW),
        History([RECORDED], 3),
        Manifest(3, deleted=False, files=[], packages=[], variables=SETTINGS.variables),
    ],
)
def test_services_outside_are_told_the_names_of_variables_alone(
    answer: CommandAnswer | QueryAnswer,
) -> None:
    assert HUSH.encode() in codec.encode(answer)
    told = codec.encode(public.for_outside(answer))
    assert HUSH.encode() not in told
    assert b"API_KEY" in told


def test_what_has_no_secrets_is_told_as_it_is() -> None:
    refused = Refused("project_not_found", "Project not found")
    assert public.for_outside(refused) is refused
