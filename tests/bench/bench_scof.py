"""The parser of answers beside other ways to read them, in one run.

Processor time, the best of several rounds in which the rivals take turns; what does
not end within its time is measured by how far it came. Events are made, and read.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from timeit import repeat
from typing import NamedTuple, Protocol

from scof import FileChunk, Limits, Parser
from scof.grammar.commands import read_command
from scof.machine.inspection import suspects
from tests.bench.scof_answers import answer, block, tsx
from tests.bench.scof_rivals import Cumulative, LineSplitter

SIZES = (4, 64, 4096)
AIMS = {4: 5, 64: 60, 4096: 400}
ROUNDS = 4
PATIENCE_S = 1.0
"""After so long a rival is stopped; a round of the parser itself takes less."""
GROWTH = (100_000, 1_000_000)
GROWTH_AIM = 11


class Reader(Protocol):
    """Anything that is fed."""

    def feed(self, text: str, /) -> Sequence[object]:
        """Read a piece."""
        ...


RIVALS: dict[str, Callable[[], Reader]] = {
    "scof": Parser,
    "lines": LineSplitter,
    "cumulative": lambda: Cumulative(lambda *_: None, lambda *_: None),
}


def main() -> None:
    """Print all tables."""
    _speed()
    _growth()
    _event_classes()
    _where_time_goes()


def _print(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _read(reader: Reader, pieces: list[str]) -> tuple[float, int]:
    """Return the seconds that reading took, and how many pieces were read."""
    feed = reader.feed
    told = 0
    start = time.process_time()
    # In spans, so that the clock costs nothing.
    span = max(1, len(pieces) // 500)
    for begin in range(0, len(pieces), span):
        for piece in pieces[begin : begin + span]:
            for _ in feed(piece):
                told += 1
        seconds = time.process_time() - start
        if seconds > PATIENCE_S:
            return seconds, min(begin + span, len(pieces))
    return time.process_time() - start, len(pieces)


def _rates(text: str, size: int) -> dict[str, float]:
    """Return the characters that each rival reads in a second, in millions."""
    pieces = _cut(text, size)
    rates = dict.fromkeys(RIVALS, 0.0)
    for _ in range(ROUNDS):
        for name, make in RIVALS.items():
            seconds, count = _read(make(), pieces)
            rates[name] = max(rates[name], count * size / seconds / 1e6)
    return rates


def _speed() -> None:
    text = answer()
    lines = text.count("\n")
    _print(
        f"{len(text) / 1e6:.2f} MB of TSX, CSS and JSON in 200 files, "
        f"{len(text) / lines:.0f} characters a line; MB/s, best of {ROUNDS}"
    )
    _print(
        f"{'pieces of':>12}" + "".join(f"{name:>12}" for name in RIVALS) + f"{'aim':>8}"
    )
    for size in SIZES:
        rates = _rates(text, size)
        row = "".join(f"{rate:12.1f}" for rate in rates.values())
        _print(f"{size:12}{row}{AIMS[size]:8}  {_verdict(rates['scof'] >= AIMS[size])}")


def _verdict(met: bool) -> str:  # noqa: FBT001 - it is the subject
    return "met" if met else "MISSED"


def _growth() -> None:
    """One file of ten times the size: ten times the time, or a hundred times?"""
    _print()
    _print("1 MB in one file against 100 KB: times as long (>: stopped before its end)")
    _print(
        f"{'pieces of':>12}" + "".join(f"{name:>12}" for name in RIVALS) + f"{'aim':>8}"
    )
    for size in SIZES:
        small, large = (_cut(block("a.tsx", tsx(chars)), size) for chars in GROWTH)
        row = ""
        for name, make in RIVALS.items():
            ratio, stopped = _ratio(make, small, large)
            row += f"{'>' if stopped else ''}{ratio:.1f}".rjust(12)
            if name == "scof":
                verdict = _verdict(ratio <= GROWTH_AIM)
        _print(f"{size:12}{row}{GROWTH_AIM:8}  {verdict}")


def _ratio(
    make: Callable[[], Reader], small: list[str], large: list[str]
) -> tuple[float, bool]:
    """Return how much longer the large answer takes, and whether it was stopped."""
    best_small = min(_read(make(), small)[0] for _ in range(3 * ROUNDS))
    best, count = _read(make(), large)
    if count == len(large):
        best = min(best, *(_read(make(), large)[0] for _ in range(ROUNDS)))
    return best / best_small, count < len(large)


@dataclass(frozen=True, slots=True)
class _Frozen:
    path: str
    text: str


class _Named(NamedTuple):
    path: str
    text: str


class _Plain:
    __slots__ = ("path", "text")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text


def _nanoseconds(action: Callable[[], object], number: int = 100_000) -> float:
    times = repeat(action, number=number, repeat=7, timer=time.process_time)
    return min(times) / number * 1e9


def _event_classes() -> None:
    """Why the events are what they are."""
    _print()
    _print("Making one event of two fields, nanoseconds with the call of a lambda")
    kinds: dict[str, Callable[[str, str], object]] = {
        "scof.FileChunk (frozen)": FileChunk,
        "frozen dataclass": _Frozen,
        "NamedTuple": _Named,
        "plain slots, not frozen": _Plain,
    }
    path, text = "src/a.tsx", "cons"
    for name, kind in kinds.items():
        nanoseconds = _nanoseconds(lambda kind=kind: kind(path, text))  # type: ignore[misc]
        _print(f"{name:>28}{nanoseconds:8.0f}")


def _nothing(text: str) -> list[str]:
    return [text]


def _where_time_goes() -> None:
    """What reading consists of, measured part by part."""
    parser = Parser()
    parser.feed("cat > src/a.tsx << 'EOF'\nx")
    path, text, pieces = "src/a.tsx", "cons", list[str]()
    _print()
    _print("A piece of 4 in mid-line, nanoseconds with the call of a lambda")
    _parts(
        {
            "an empty lambda": lambda: None,
            "a function that returns a list": lambda: _nothing(text),
            "making the event": lambda: FileChunk(path, text),
            "testing the piece": lambda: "\n" not in text and text.isascii(),
            "keeping the piece": lambda: pieces.append(text),
            "all of feed": lambda: parser.feed(text),
        },
        number=100_000,
    )
    content = tsx(26_000)
    whole = _cut(block("src/a.tsx", content), 4096)
    limits = Limits()
    _print()
    _print("A file of 26 KB in pieces of 4096, nanoseconds")
    _parts(
        {
            "its command": lambda: read_command("cat > src/a.tsx << 'EOF'", limits),
            "looking for the marker": lambda: "\nEOF" in content,
            "counting lines": lambda: content.count("\n"),
            "looking for forgotten markers": lambda: list(
                suspects(content, path, 1, limits)
            ),
            "all of it": lambda: _read(Parser(), whole),
        },
        number=200,
    )


def _parts(parts: Mapping[str, Callable[[], object]], number: int) -> None:
    for name, action in parts.items():
        _print(f"{name:>32}{_nanoseconds(action, number):8.0f}")
