"""JetStream's words: where a message was, and whether one was stored."""

import pytest

from eventcore.adapters import jetstream


def test_the_sequences_of_a_message_are_in_its_reply_subject() -> None:
    reply = "$JS.ACK.EVT_0.consumer.1.42.7.1700000000000000000.0"
    assert jetstream.sequences_of(reply) == (42, 7)


def test_they_are_found_behind_a_domain_and_an_account() -> None:
    reply = "$JS.ACK.hub.ABC.EVT_0.consumer.1.42.7.1700000000000000000.0.xyz"
    assert jetstream.sequences_of(reply) == (42, 7)


@pytest.mark.parametrize(
    "reply", ["", "_INBOX.x", "$JS.ACK.a.b.c.d.e.f.g", "a.b.c.d.e.f.g.h.i"]
)
def test_another_reply_subject_has_none(reply: str) -> None:
    assert jetstream.sequences_of(reply) is None


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (b'{"stream":"EVT_0","seq":5}', ""),
        (b'{"stream":"EVT_0","seq":6}', "stored at 6, not 5"),
        (b'{"stream":"EVT_0","seq":5,"duplicate":true}', "a duplicate of message 5"),
        (
            b'{"error":{"err_code":10071,"description":"wrong last"},"seq":0}',
            "refused: wrong last",
        ),
        (b"", "no stream takes it, or it has no leader"),
        (b"+OK", "the answer is not an acknowledgement"),
    ],
)
def test_only_an_acknowledgement_of_the_message_is_one(
    answer: bytes, wrong: str
) -> None:
    assert jetstream.what_is_wrong(answer, 5) == wrong
