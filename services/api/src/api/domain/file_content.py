"""A file's bytes, and how they are told in JSON: as text, or in base64."""

import base64
import binascii

from contracts.project import MAX_FILE_BYTES, Encoding


class NoContent(Exception):
    """The content is not what its encoding says; the message is a sentence."""


def raw(content: str, encoding: Encoding) -> bytes:
    """Return the bytes of a file.

    Raises:
        NoContent: They are not what *encoding* says.

    """
    try:
        if encoding == "utf-8":
            return content.encode()
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoContent(f"The content is not {encoding}") from error


def told(data: bytes, encoding: Encoding) -> str:
    """Return *data* as *encoding* tells it."""
    if encoding == "utf-8":
        return data.decode()
    return base64.b64encode(data).decode("ascii")


def encoding_of(data: bytes) -> Encoding:
    """Return how *data* is told best: what a person can read as text."""
    if len(data) > MAX_FILE_BYTES or b"\0" in data:
        return "base64"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "base64"
    return "utf-8"
