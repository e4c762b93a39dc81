"""Recorded histories stay readable for ever and come to what they came to then.

A history that was recorded is never changed; a new kind of event gets a new history.
"""

import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from agent.domain.replay import (
    OutOfOrder,
    fold_recorded,
    read_history,
    state_hash,
    summary,
)
from agent.domain.state import FOLD, Project, folded
from contracts import codec
from contracts.envelope import Recorded
from contracts.project import ProjectEvent
from eventcore.execute import StateCodec

FOLDER = Path(__file__).parents[3] / "data" / "histories"
HISTORIES = sorted(FOLDER.glob("*.jsonl"))
every_history = pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)


def recorded(path: Path) -> list[Recorded]:
    return list(read_history(path.read_bytes().splitlines()))


@every_history
def test_a_history_comes_to_what_it_came_to(path: Path) -> None:
    told = json.loads(msgspec.json.encode(summary(fold_recorded(recorded(path)))))
    expected = json.loads(path.with_suffix(".json").read_text())
    assert {name: told[name] for name in expected} == expected


@every_history
def test_a_snapshot_anywhere_in_it_changes_nothing(path: Path) -> None:
    events, states = recorded(path), StateCodec(Project, fold=FOLD)
    whole = state_hash(fold_recorded(events))
    for cut in range(len(events)):
        kept = states.decode(states.encode(fold_recorded(events[:cut])))
        assert kept is not None
        rest = [codec.decode_event(one.type, one.data) for one in events[cut:]]
        assert state_hash(folded(kept, rest)) == whole


@every_history
def test_every_event_of_it_is_readable(path: Path) -> None:
    for one in recorded(path):
        event = codec.decode_event(one.type, one.data)
        assert one.type == "moon.landed" or not isinstance(event, codec.UnknownEvent)


def test_every_kind_of_event_is_in_some_history() -> None:
    seen = {one.type for path in HISTORIES for one in recorded(path)}
    assert {str(kind.__struct_config__.tag) for kind in get_args(ProjectEvent)} <= seen


def test_a_fold_has_one_number() -> None:
    # Whoever changes what events come to raises it, so that snapshots of the old rules
    # are void, and pins what they come to now.
    hashes = {
        path.stem: state_hash(fold_recorded(recorded(path))) for path in HISTORIES
    }
    pinned = json.loads((FOLDER / "fold.json").read_text())
    assert (FOLD, hashes) == (pinned["fold"], pinned["hashes"]), "raise FOLD"


def test_a_history_with_a_gap_or_a_repeat_is_refused() -> None:
    events = recorded(FOLDER / "run.jsonl")
    for odd in (events[1:], [*events, events[-1]], [events[0], *events[2:]]):
        with pytest.raises(OutOfOrder):
            fold_recorded(odd)


def test_two_different_states_have_different_hashes() -> None:
    hashes = {state_hash(fold_recorded(recorded(path))) for path in HISTORIES}
    assert len(hashes) == len(HISTORIES)
