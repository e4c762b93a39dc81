"""What a file holds: text or other bytes, how large it is, and its digest."""

import base64
import binascii
from hashlib import sha256
from uuid import UUID

from msgspec import Struct

from contracts.project import MAX_ASSET_BYTES, MAX_FILE_BYTES, Encoding


class File(Struct, frozen=True):
    """A file as it is now."""

    id: UUID
    content: str
    size: int
    """Bytes of the file itself, whatever its encoding."""
    encoding: Encoding = "utf-8"


class NoContent(Exception):
    """The content is not what its encoding says; the message is a sentence."""


def raw(content: str, encoding: Encoding) -> bytes:
    """Return the bytes of the file.

    Raises:
        NoContent: It is not base64.

    """
    if encoding == "utf-8":
        return content.encode("utf-8", "replace")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoContent("The content is not base64.") from error


def digest(file: File) -> str:
    """Return the SHA-256 of the file's bytes, in hexadecimal."""
    return sha256(_lenient(file.content, file.encoding)).hexdigest()


def file_of(file_id: UUID, content: str, encoding: Encoding) -> File:
    """Return the file; total, as history is: what is damaged counts as its text."""
    if encoding == "utf-8" and content.isascii():
        return File(file_id, content, len(content))
    return File(file_id, content, len(_lenient(content, encoding)), encoding)


def too_large(path: str, size: int, encoding: Encoding) -> str | None:
    """Return why a file of *size* bytes is too large, or None if it is not."""
    limit = MAX_FILE_BYTES if encoding == "utf-8" else MAX_ASSET_BYTES
    if size <= limit:
        return None
    return f"{path} is larger than {limit // 1024} KiB."


def _lenient(content: str, encoding: Encoding) -> bytes:
    try:
        return raw(content, encoding)
    except NoContent:
        return content.encode("utf-8", "replace")
