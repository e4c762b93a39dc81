"""Text on its way to a screen: shown and forgotten, never recorded."""

from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from contracts.sandbox import LogStream


class Progress(Struct, frozen=True, tag_field="type"):
    """Something to show while it happens."""


class FileStarted(Progress, frozen=True, tag="file_started"):
    """A file begins, perhaps again; what was shown of it is void."""

    run_id: UUID
    attempt: int
    path: str


class FileText(Progress, frozen=True, tag="file_text"):
    """More of the file that was started last."""

    run_id: UUID
    attempt: int
    path: str
    offset: int
    """Code points of the file before this piece."""
    text: str


class SandboxLog(Progress, frozen=True, tag="sandbox_log"):
    """Whole lines of output of an install step or of the app."""

    stream: LogStream
    content: str


class ReplyText(Progress, frozen=True, tag="reply_text"):
    """More of an answer in the conversation; on a subject of its own."""

    message_id: UUID
    offset: int
    """Code points of the answer before this piece."""
    text: str


ProgressMessage: TypeAlias = FileStarted | FileText | SandboxLog
