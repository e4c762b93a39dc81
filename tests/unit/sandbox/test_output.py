"""Output made fit to show."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from sandbox.application.output import Output
from sandbox.domain.output import (
    BURST,
    LINE_CHARS,
    MESSAGE_CHARS,
    TAIL_CHARS,
    Joiner,
    Lines,
    Mask,
    Message,
    Tail,
    plain,
)

TEXT = "one\r\ntwo\n\x1b[31mred\x1b[0m\rünïcödé €\n\nlast".encode()
LINES = ["one", "two", "red", "ünïcödé €", "", "last"]
OPEN = Mask([])
SECRET = "sk-hush-hush-and-say-nothing"  # noqa: S105 - of nobody
MASK = Mask([SECRET, "sk-hush"])


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_lines_do_not_depend_on_where_bytes_are_cut(cut: int) -> None:
    lines = Lines()
    found = [
        *lines.feed(TEXT[:cut], OPEN),
        *lines.feed(TEXT[cut:], OPEN),
        *lines.finish(OPEN),
    ]
    assert found == LINES


def test_a_long_line_is_cut_into_several() -> None:
    at_once, in_pieces = Lines(), Lines()
    text = b"x" * (2 * LINE_CHARS + 5) + b"\n"
    pieces = [line for byte in text for line in in_pieces.feed(bytes([byte]), OPEN)]
    assert at_once.feed(text, OPEN) == pieces
    assert [len(piece) for piece in pieces] == [LINE_CHARS, LINE_CHARS, 5]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert Lines().feed(b"a\xff\xfeb\n", OPEN) == ["a\ufffd\ufffdb"]


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[2J\x1b[H",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\",
        "\x1bc",
        "\x1b(B",
        "\x9b31m"[:1],
        "\x07\x08\x00",
        "\u202e",
    ],
)
def test_nothing_steers_a_terminal(hostile: str) -> None:
    assert plain(f"a{hostile}b") == "ab"


def test_the_tail_is_the_end() -> None:
    tail = Tail()
    tail.add([f"line {number}" for number in range(1000)])
    assert tail.text.endswith("line 998\nline 999")
    assert len(tail.text) <= TAIL_CHARS


def test_lines_of_one_stream_go_out_together() -> None:
    joiner = Joiner()
    joiner.add("stdout", ["a", "b"])
    joiner.add("stderr", ["c"])
    expected = [Message("stdout", "a\nb"), Message("stderr", "c")]
    assert joiner.take(0.0) == expected
    assert not joiner.waiting


def test_a_flood_for_30_s_is_at_most_50_messages() -> None:
    joiner, messages = Joiner(), []
    for tenth in range(300):
        joiner.add("stdout", ["y" * 100] * 1000)
        messages += joiner.take(tenth / 10)
    assert len(messages) <= 50
    assert all(len(one.content) <= MESSAGE_CHARS for one in messages)


def test_what_is_left_out_is_counted() -> None:
    joiner = Joiner()
    joiner.add("stdout", ["x" * 1000] * 100)
    shown, mark = joiner.take(0.0)
    left_out = 100 - len(shown.content.splitlines())
    assert mark == Message("stderr", f"[{left_out} lines left out]")


def test_what_we_say_is_said_in_a_flood_too() -> None:
    joiner = Joiner()
    joiner.add("stdout", ["x" * LINE_CHARS] * 9)
    joiner.add("stdout", ["It stopped."], ours=True)
    said = "\n".join(one.content for one in joiner.take(0.0)).split("\n")
    assert said[-2:] == ["[5 lines left out]", "It stopped."]
    joiner.add("stdout", ["y" * LINE_CHARS] * 9, ours=True)
    assert max(len(one.content) for one in joiner.take(0.0)) <= MESSAGE_CHARS
    assert not joiner.waiting


def test_who_was_silent_for_long_may_say_no_more_at_once() -> None:
    joiner = Joiner()
    joiner.take(0.0)
    for _ in range(BURST):
        joiner.add("stdout", ["x"])
        joiner.add("stderr", ["x"])
    assert len(joiner.take(1000.0)) == BURST


async def test_what_a_spare_prints_is_its_heirs_with_stars_and_no_word_of_ours() -> (
    None
):
    shown: list[str] = []
    sink: Any = SimpleNamespace(show=lambda *message: shown.append(message[-1]))
    spare, heir = (Output(uuid4(), sink, asyncio.Event()) for _ in range(2))
    source = spare.new_source()
    spare.pass_on_to(heir, inner="/opening.js")
    heir.hide([SECRET])
    await source.take("stdout", f"key {SECRET}\nupdate /opening.js\nlast".encode())
    await source.take("stdout", b"")
    heir.flush(0.0)
    assert shown == ["key ***\nlast"]
    assert heir.tail.text == "key ***\nlast"
    assert not spare.flush(0.0)


def test_a_slow_writer_loses_nothing() -> None:
    joiner, shown = Joiner(), []
    for tenth in range(1000):
        joiner.add("stdout", [str(tenth)])
        shown += joiner.take(tenth / 10)
    shown += joiner.take(200.0)
    text = "\n".join(message.content for message in shown)
    assert text == "\n".join(map(str, range(1000)))
    assert len(shown) < 100 + BURST + 2


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("key=sk-hush-hush", "key=***"),
        ("sk-hush-hush-longer and sk-hush-hush", "*** and ***"),
        ("-----BEGIN KEY-----", "***"),
        ("abc is too short", "abc is too short"),
        ("nothing", "nothing"),
    ],
)
def test_secrets_are_stars(line: str, shown: str) -> None:
    secrets = ["sk-hush-hush", "sk-hush-hush-longer", "abc", "-----BEGIN KEY-----\nx\n"]
    assert Mask(secrets).hide(line) == shown


def test_where_there_are_no_secrets_nothing_is_hidden() -> None:
    assert Mask([]).hide("a line") == "a line"


@pytest.mark.parametrize("before", range(LINE_CHARS - len(SECRET) - 1, LINE_CHARS + 2))
@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize("end", [b"", b"\n", b"y" * LINE_CHARS])
def test_a_secret_over_the_cut_of_a_long_line_is_stars(
    before: int, step: int, end: bytes
) -> None:
    text = b"x" * before + SECRET.encode() + end
    lines, found = Lines(), []
    # Byte by byte only where it matters: round the cut.
    for piece in [text[: before - 50], *_steps(text[before - 50 :], step)]:
        found += lines.feed(piece, MASK)
    found += lines.finish(MASK)
    assert "".join(found) == f"{'x' * before}***{end.decode().strip()}"
    assert max(map(len, found)) <= LINE_CHARS + len("***")


def _steps(text: bytes, step: int) -> list[bytes]:
    return [text[at : at + step] for at in range(0, len(text), step)]


@pytest.mark.parametrize("cut", range(4, len(SECRET) + 1))
def test_what_is_left_of_a_secret_that_was_cut_off_is_stars(cut: int) -> None:
    for end in ("", "\ufffd"):  # half a character, where bytes were cut
        assert "sk-h" not in MASK.hide_cut(f"key={SECRET[:cut]}{end}")


def test_a_text_that_ends_otherwise_stays_whole() -> None:
    assert MASK.hide_cut("a message sk-") == "a message sk-"
