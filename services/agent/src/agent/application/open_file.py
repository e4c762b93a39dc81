"""The file that is being written: what there is of it, and who watches it grow."""

from uuid import UUID

from contracts import subjects
from contracts.codec import encode
from contracts.progress import FileStarted, FileText, ProgressMessage
from contracts.requests import OpenFile
from eventcore.ports import Bus


class OpenText:
    """Text on its way to screens; a late joiner asks for all of it so far.

    Nothing waits in here, so what is told and what is sent never disagree.
    """

    def __init__(self, bus: Bus, project_id: UUID, run_id: UUID, attempt: int) -> None:
        """*attempt* grows with each call of a run, whatever the call is for."""
        self._bus = bus
        self._subject = subjects.text(project_id)
        self._run_id = run_id
        self._attempt = attempt
        self._path: str | None = None
        self._pieces: list[str] = []
        self._offset = 0

    def start(self, path: str) -> None:
        """Begin a file; what was shown of it is void."""
        self._path, self._pieces, self._offset = path, [], 0
        self._publish(FileStarted(self._run_id, self._attempt, path))

    def add(self, text: str) -> None:
        """Show more of the file."""
        if self._path is None or not text:
            return
        message = FileText(self._run_id, self._attempt, self._path, self._offset, text)
        self._pieces.append(text)
        self._offset += len(text)
        self._publish(message)

    def close(self) -> None:
        """End the file, whole or not."""
        self._path, self._pieces, self._offset = None, [], 0

    def so_far(self) -> OpenFile:
        """Return all of the file that is open."""
        text = "".join(self._pieces)
        self._pieces = [text]
        return OpenFile(self._run_id, self._attempt, self._path, text)

    def _publish(self, message: ProgressMessage) -> None:
        self._bus.publish(self._subject, encode(message))
