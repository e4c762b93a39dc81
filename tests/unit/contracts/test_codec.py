"""Events survive the round trip; those of a newer version pass through."""

from uuid import UUID

import pytest
from msgspec import Raw

from contracts import codec
from contracts.project import RunStarted

RUN = RunStarted(run_id=UUID(int=1), prompt="a kanban board")


def test_an_event_decodes_to_itself() -> None:
    assert codec.decode_event(codec.event_type(RUN), codec.encode(RUN)) == RUN


def test_an_event_of_an_unknown_type_is_kept() -> None:
    data = b'{"type":"run.paused","by":"x"}'
    event = codec.decode_event("run.paused", data)
    assert event == codec.UnknownEvent("run.paused", Raw(data))


def test_a_field_of_a_newer_version_is_ignored() -> None:
    data = codec.encode(RUN)[:-1] + b',"priority":3}'
    assert codec.decode_event("run.started", data) == RUN


def test_a_damaged_event_of_a_known_type_is_reported() -> None:
    with pytest.raises(codec.Undecodable, match=r"run\.started"):
        codec.decode_event("run.started", b'{"type":"run.started"}')


DEEP = b'[{"more":' + b"[" * 10_000


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b'[{"id":1}]', DEEP])
def test_what_is_no_batch_is_reported(body: bytes) -> None:
    with pytest.raises(codec.Undecodable):
        codec.decode_batch(body)
