"""The head of a request: read strictly, because two readers must not disagree.

h11 checks the grammar, but takes bare line feeds, folded lines and a transfer coding
beside a length, as RFC 9112 lets it. What stands behind this proxy may read those
otherwise, and then a second request hides in the first. So they are refused here,
before h11 sees them.
"""

import re
from dataclasses import dataclass

from proxy.errors import Refused
from proxy.headers import Headers, values_of

END_OF_HEAD = b"\r\n\r\n"

# Control characters other than tab, and line ends that are not CR LF.
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")
_FOLDED = re.compile(rb"\r\n[ \t]")
_HOST = re.compile(rb"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_MAX_HEADERS = 100


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request as it was sent, except that the host is in lower case."""

    method: str
    target: str
    """The raw target, still encoded, `?` and all; begins with `/` or is `*`."""
    host: str
    """Name without port; empty where an HTTP/1.0 client sent none."""
    headers: Headers
    peer: str
    """Address of whoever connected; who may believe more is the caller's business."""
    scheme: str
    is_websocket: bool

    @property
    def path(self) -> str:
        """The raw path without the query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """Return the first header of that name in lower case, or None."""
        values = values_of(self.headers, name.lower().encode())
        return values[0].decode("latin-1") if values else None


def check_characters(raw: bytes | bytearray, start: int, end: int) -> None:
    """Refuse bytes of a head that different readers would cut into lines differently.

    Only *raw* from *start* to *end* is looked at, so that each byte is looked at once.

    Raises:
        Refused: With status 400.

    """
    if _FORBIDDEN.search(raw, start, end):
        raise Refused(400, "The request's head has a character that HTTP forbids.")


def check_lines(head: bytes) -> None:
    """Refuse a head in which a line goes on in the next one.

    Raises:
        Refused: With status 400.

    """
    if _FOLDED.search(head):
        raise Refused(400, "The request's head has a folded line.")


def check_request(
    method: bytes, target: bytes, version: bytes, headers: Headers
) -> str:
    """Refuse what is ambiguous or not for a reverse proxy; return the host's name.

    Raises:
        Refused: With the status that fits.

    """
    if len(headers) > _MAX_HEADERS:
        raise Refused(431, "The request has too many headers.")
    if method == b"CONNECT":
        raise Refused(405, "This is not a forward proxy.")
    if not target.startswith(b"/") and target != b"*":
        raise Refused(400, "The request's target must be a path.")
    _check_framing(version, headers)
    return _host_of(version, headers)


def _check_framing(version: bytes, headers: Headers) -> None:
    lengths = values_of(headers, b"content-length")
    codings = values_of(headers, b"transfer-encoding")
    if codings and (lengths or version < b"1.1"):
        raise Refused(400, "The request announces its length in two ways.")
    if codings and [coding.lower() for coding in codings] != [b"chunked"]:
        raise Refused(501, "The only transfer coding that we know is chunked.")
    if len(lengths) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
        raise Refused(400, "The request's content length is not one number.")


def _host_of(version: bytes, headers: Headers) -> str:
    hosts = values_of(headers, b"host")
    if not hosts and version < b"1.1":
        return ""
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if match is None:
        raise Refused(400, "The request must name one host.")
    return match["name"].decode("ascii").lower()
