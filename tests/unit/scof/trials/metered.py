"""Counting what reading costs: operations of Python, and characters looked at.

Seconds lie on a busy machine; these counts are the same on every run. Calls alone
would miss a loop that hides in C (`text += piece`, a search from the start), so the
text itself counts how much of it is touched.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FrameType
from typing import SupportsIndex

from typing_extensions import override

from scof import Limits, Parser


@dataclass(slots=True)
class Meter:
    """What was done so far."""

    calls: int = 0
    characters: int = 0


class Metered(str):
    """A text that counts the characters that each operation on it touches.

    What comes out of it counts too, so nothing escapes by being cut or joined.
    """

    __slots__ = ("meter",)
    meter: Meter

    def cut(self, text: str) -> "Metered":
        """Return *text* as one that counts on the same meter."""
        other = Metered(text)
        other.meter = self.meter
        return other

    def touch(self, start: object, stop: object, found: int) -> None:
        """Count a search from *start* that ended at *found*, or at the end."""
        first = start if isinstance(start, int) else 0
        last = min(stop, len(self)) if isinstance(stop, int) else len(self)
        self.meter.characters += max((found if found >= 0 else last) - first, 1)

    @override
    def __contains__(self, key: object) -> bool:
        return self.find(str(key)) >= 0

    @override
    def find(
        self,
        sub: str,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        found = super().find(sub, start, end)
        self.touch(start, end, found)
        return found

    @override
    def rfind(
        self,
        sub: str,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        found = super().rfind(sub, start, end)
        self.meter.characters += len(self) - max(found, 0)
        return found

    @override
    def count(
        self,
        sub: str,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        self.touch(start, end, -1)
        return super().count(sub, start, end)

    @override
    def __getitem__(self, key: SupportsIndex | slice) -> "Metered":
        part = super().__getitem__(key)
        self.meter.characters += len(part)
        return self.cut(part)

    @override
    def __add__(self, other: str, /) -> "Metered":
        self.meter.characters += len(self) + len(other)
        return self.cut(super().__add__(other))

    def __radd__(self, other: str, /) -> "Metered":
        self.meter.characters += len(self) + len(other)
        return self.cut(other + str(self))

    @override
    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        self.meter.characters += len(self)
        return super().encode(encoding, errors)


def metered(pieces: Iterable[str], limits: Limits) -> Meter:
    """Return what it costs to read an answer that comes in these pieces."""
    meter = Meter()
    parser = Parser(limits=limits)
    texts = []
    for piece in pieces:
        text = Metered(piece)
        text.meter = meter
        texts.append(text)

    def read() -> None:
        for text in texts:
            parser.feed(text)
        parser.finish()

    meter.calls = calls(read)
    return meter


def calls(action: Callable[[], object]) -> int:
    """Return how many functions, of Python and of C, *action* calls."""
    count = 0

    def profile(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count
