"""Frames of the WebSocket protocol as they stand on the wire (RFC 6455, section 5.2).

A server's frames carry no mask, so one frame is the same for every client: it is built
once and written to all of them.
"""

from struct import Struct

NORMAL = 1000
GOING_AWAY = 1001
NO_CODE = 1005
ABNORMAL = 1006
POLICY_VIOLATION = 1008
TOO_BIG = 1009
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
UNAUTHORIZED = 4001
FORBIDDEN = 4003

CODES = frozenset(
    {
        NORMAL,
        GOING_AWAY,
        NO_CODE,
        ABNORMAL,
        POLICY_VIOLATION,
        TOO_BIG,
        INTERNAL_ERROR,
        SERVICE_RESTART,
        TRY_AGAIN_LATER,
        UNAUTHORIZED,
        FORBIDDEN,
    }
)
"""Those that are told apart where closed sockets are counted."""

REASONS = {
    UNAUTHORIZED: "Unauthorized",
    FORBIDDEN: "Forbidden",
    POLICY_VIOLATION: "Too many frames",
    INTERNAL_ERROR: "No sign of life",
    SERVICE_RESTART: "Service restart",
    TRY_AGAIN_LATER: "Try again later",
}
"""What is said with a close code."""

_FINAL_TEXT = 0x81
_SHORT = 126
_LONG = 127
_MAX_SHORT = 0xFFFF
_medium_head = Struct(">BBH").pack
_long_head = Struct(">BBQ").pack


def text(payload: bytes) -> bytes:
    """Return one whole message with *payload*, which is UTF-8."""
    size = len(payload)
    if size < _SHORT:
        return bytes((_FINAL_TEXT, size)) + payload
    if size <= _MAX_SHORT:
        return _medium_head(_FINAL_TEXT, _SHORT, size) + payload
    return _long_head(_FINAL_TEXT, _LONG, size) + payload
