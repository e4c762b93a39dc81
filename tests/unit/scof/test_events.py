"""Events are frozen values."""

import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import get_args, get_type_hints

import pytest

from scof import Event, FileChunk, FileClosed, PatchChunk

EVENTS = pytest.mark.parametrize("kind", get_args(Event))


def _example(kind: Callable[..., Event]) -> Event:
    return kind(*get_type_hints(kind))


@EVENTS
def test_an_event_cannot_be_changed(kind: type[Event]) -> None:
    event = _example(kind)
    field, *_ = get_type_hints(kind)
    with pytest.raises(FrozenInstanceError):
        setattr(event, field, "other")
    assert event == _example(kind)


@EVENTS
def test_equal_events_are_one_in_a_set(kind: type[Event]) -> None:
    assert len({_example(kind), _example(kind)}) == 1


@EVENTS
def test_an_event_survives_pickling(kind: type[Event]) -> None:
    assert pickle.loads(pickle.dumps(_example(kind))) == _example(kind)  # noqa: S301 - what this test wrote


def test_a_chunk_shows_what_it_is() -> None:
    assert repr(FileChunk("a", "x")) == "FileChunk(path='a', text='x')"


def test_events_of_different_kinds_are_different() -> None:
    values: list[object] = [FileChunk("a", "x"), PatchChunk("a", "x")]
    assert len({*values, FileClosed("a", "x"), ("a", "x")}) == 4
