"""From a line that a browser knows to the line that somebody wrote.

Dev servers end a module with its source map (ECMA-426): lines are parted by `;`,
segments by `,`, and each segment is up to five numbers in base 64, all but the first
counted from the segment before.
"""

import base64
import binascii
import re

import msgspec
from msgspec import Struct

_INLINE = re.compile(
    r"//# sourceMappingURL=data:application/json;[\w=;-]*base64,([\w+/=]+)\s*$"
)
_DIGITS = {
    digit: value
    for value, digit in enumerate(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    )
}
_MORE = 32
_WITH_SOURCE = 4
_MAX_SHIFT = 60


class _Map(Struct):
    mappings: str


_maps = msgspec.json.Decoder(_Map)


def original_line(code: str, line: int, column: int) -> int | None:
    """Return the line, from 1, of the source of *code* at *line* and *column*, from 0.

    None where the module brings no map, or one that cannot be read.
    """
    at = code.rfind("//# sourceMappingURL=")
    found = _INLINE.match(code, at) if at >= 0 else None
    if found is None:
        return None
    try:
        text = base64.b64decode(found[1], validate=True)
        return _look_up(_maps.decode(text).mappings, line, column)
    except (binascii.Error, msgspec.MsgspecError, UnicodeError, KeyError, ValueError):
        return None


def _look_up(mappings: str, line: int, column: int) -> int | None:
    """Return the source line of the last segment that begins at or before *column*."""
    source_line = 0
    best: int | None = None
    for number, text in enumerate(mappings.split(";")):
        if number > line:
            break
        start = 0
        for segment in text.split(","):
            numbers = _numbers(segment)
            if not numbers:
                continue
            start += numbers[0]
            if len(numbers) >= _WITH_SOURCE:
                source_line += numbers[2]
                if number == line and (start <= column or best is None):
                    best = source_line + 1
    return best


def _numbers(segment: str) -> list[int]:
    found: list[int] = []
    value = shift = 0
    for digit in segment:
        bits = _DIGITS[digit]
        value += (bits & (_MORE - 1)) << shift
        if bits & _MORE:
            shift += 5
            if shift > _MAX_SHIFT:
                raise ValueError("a number is too long")
            continue
        found.append(-(value >> 1) if value & 1 else value >> 1)
        value = shift = 0
    return found
