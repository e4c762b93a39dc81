"""What a room knows of the file that is being written, and how it learns the rest."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from contracts import codec, project
from contracts.progress import FileStarted
from gateway_ws.domain.text import OpenText, TextLost, TextMessage
from gateway_ws.ports import Projects


class OpenFileFollower:
    """Keeps an `OpenText` right, by asking the driver of the run where it has to."""

    __slots__ = (
        "_asking",
        "_changed",
        "_pending",
        "_project_id",
        "_projects",
        "_tasks",
        "_written",
        "gather",
        "text",
    )

    def __init__(
        self,
        project_id: UUID,
        projects: Projects,
        tasks: asyncio.TaskGroup,
        changed: Callable[[], None],
    ) -> None:
        self.text = OpenText()
        self.gather: Callable[[], None] = lambda: None
        """Called before the text of a file is let go: show it to those who follow."""
        self._project_id = project_id
        self._projects = projects
        self._tasks = tasks
        self._changed = changed
        self._asking = False
        self._pending: list[TextMessage] = []
        self._written: list[project.FileWritten] = []

    def take(self, message: TextMessage) -> None:
        """Take in a piece, or keep it until the driver has answered."""
        if self._asking:
            self._pending.append(message)
            return
        if isinstance(message, FileStarted):
            self.gather()  # the end of the file before
        try:
            self.text.take(message)
        except TextLost:
            self._pending.append(message)
            self.ask()

    def end_with(self, event: codec.AnyEvent) -> None:
        """Close the file when an event says that nobody writes it any more."""
        match event:
            case project.FileWritten(author="agent"):
                if self._asking:
                    self._written.append(event)
                if self.text.complete(event):
                    self.gather()
                    self.text.close()
            case project.ModelCallEnded(purpose="implement"):
                self.text.close()
            case (
                project.RunCompleted(run_id)
                | project.RunFailed(run_id)
                | project.RunStopped(run_id)
            ):
                self.text.end_run(run_id)
            case _:
                pass

    def ask(self) -> None:
        """Ask the driver for all of the file; what comes meanwhile waits."""
        if not self._asking:
            self._asking = self.text.is_asked_for = True
            self._tasks.create_task(self._resume())

    async def _resume(self) -> None:
        answer = await self._projects.open_file(self._project_id)
        self.gather()
        self._asking = self.text.is_asked_for = False
        pending, self._pending = self._pending, []
        written, self._written = self._written, []
        self.text.resume(answer, pending, written)
        self._changed()
