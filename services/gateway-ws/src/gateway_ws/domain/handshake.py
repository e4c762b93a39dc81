"""The opening handshake of a WebSocket (RFC 6455, section 4.2), on whole heads.

What it refuses it refuses as the RFC says; no extension is ever agreed on. It is read
here and not by a library because opening sockets is what a gateway does most when all
clients come back at once, and one pass over the bytes is all that it takes.
"""

import re
from base64 import b64encode
from binascii import Error as NotBase64
from binascii import a2b_base64
from hashlib import sha1
from http import HTTPStatus

from msgspec import Struct

MAX_HEAD_BYTES = 16 * 1024
"""Cookies of one site and a token of the address fit in many times."""
MAX_HEADERS = 100

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_REQUEST_LINE = re.compile(rb"([A-Z]+) ([\x21-\x7e]+) HTTP/(\d)\.(\d)\r\n")
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)\r\n")
_KEY_BYTES = 16

_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n\r\n"
)
_REFUSED = (
    b"HTTP/1.1 %d %b\r\n"
    b"Connection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\n%b\r\n%b"
)
_UPGRADE = b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"


class Denied(Exception):
    """The request is no handshake; *answer* says so in HTTP."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        body = sentence.encode()
        extra = _UPGRADE if status is HTTPStatus.UPGRADE_REQUIRED else b""
        phrase = status.phrase.encode()
        self.answer = _REFUSED % (status, phrase, len(body), extra, body)


class Request(Struct, frozen=True):
    """What somebody asks for who wants a WebSocket."""

    path: str
    """With its query."""
    headers: dict[str, list[str]]
    """Values by name in lower case, in the order in which they came."""

    def get_all(self, name: str) -> list[str]:
        """Return the values of a header, *name* in lower case."""
        return self.headers.get(name, [])


def read(head: bytes) -> Request:
    """Return the request in *head*, which ends with an empty line.

    Raises:
        Denied: It is malformed, or too large.

    """
    line = _REQUEST_LINE.match(head)
    if len(head) > MAX_HEAD_BYTES:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        raise Denied(status, "The head of the request is too large.")
    if line is None:
        raise _bad("The request cannot be read.")
    method, path, *version = line.groups()
    if method != b"GET":
        raise Denied(HTTPStatus.METHOD_NOT_ALLOWED, "A WebSocket opens with GET.")
    if version != [b"1", b"1"]:
        status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
        raise Denied(status, "A WebSocket opens with HTTP/1.1.")
    return Request(path.decode("ascii"), _headers(head, line.end()))


def accept(request: Request) -> bytes:
    """Return the answer that opens the WebSocket.

    Raises:
        Denied: The request is no handshake.

    """
    if not _has_word(request, "connection", "upgrade"):
        raise _not_asked_for()
    if [value.lower() for value in request.get_all("upgrade")] != ["websocket"]:
        raise _not_asked_for()
    if request.get_all("sec-websocket-version") != ["13"]:
        raise Denied(HTTPStatus.UPGRADE_REQUIRED, "Only version 13 is spoken here.")
    keys = request.get_all("sec-websocket-key")
    key = keys[0].encode("latin-1") if len(keys) == 1 else b""
    try:
        is_key = len(a2b_base64(key, strict_mode=True)) == _KEY_BYTES
    except NotBase64:
        is_key = False
    if not is_key:
        raise _bad('"Sec-WebSocket-Key" is to be 16 bytes in base64.')
    digest = sha1(key + _GUID, usedforsecurity=False).digest()
    return _ACCEPTED % b64encode(digest)


def _headers(head: bytes, start: int) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for _ in range(MAX_HEADERS):
        found = _HEADER.match(head, start)
        if found is None:
            break
        name, value = found.groups()
        text = value.strip(b" \t").decode("latin-1")
        headers.setdefault(name.decode("ascii").lower(), []).append(text)
        start = found.end()
    if head[start:] != b"\r\n":
        raise _bad("The headers cannot be read, or there are too many.")
    return headers


def _has_word(request: Request, name: str, word: str) -> bool:
    return any(
        part.strip().lower() == word
        for value in request.get_all(name)
        for part in value.split(",")
    )


def _bad(sentence: str) -> Denied:
    return Denied(HTTPStatus.BAD_REQUEST, sentence)


def _not_asked_for() -> Denied:
    return Denied(HTTPStatus.UPGRADE_REQUIRED, "Only WebSockets are spoken here.")
