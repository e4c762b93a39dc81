"""Folding with a decider."""

from msgspec import Raw

from contracts.codec import UnknownEvent
from contracts.project import ProjectDeleted
from tests.unit.eventcore.counter import CONVERSATION, Conversation, Say


def test_folding_begins_at_the_initial_state() -> None:
    events = CONVERSATION.decide(Conversation(), Say("a", times=2))
    assert CONVERSATION.fold(events) == Conversation(2)


def test_folding_goes_on_from_a_state() -> None:
    closed = CONVERSATION.fold([ProjectDeleted()], Conversation(3))
    assert closed == Conversation(3, is_closed=True)


def test_an_event_of_a_newer_version_does_not_stop_the_fold() -> None:
    unknown = UnknownEvent("of.tomorrow", Raw(b"{}"))
    assert CONVERSATION.fold([unknown]) == Conversation()
