"""What a run looks like to a person at a terminal: a fold of the server's messages."""

from dataclasses import dataclass, field

from contracts.browser import (
    AnyServerMessage,
    DepsInstalled,
    Error,
    FileChunk,
    FileEnd,
    FileStart,
    FilesWritten,
    GenerationComplete,
    GenerationError,
    MessagePosted,
    PackagesRequested,
    PhaseStart,
    RunStarted,
    RunStopped,
    SandboxLog,
    ServerStarted,
    StateUpdate,
)

_BAR_WIDTH = 20
_KILO = 1000

_STATES = {
    "designing": "Designing the next phase",
    "install": "Installing packages",
    "start": "Starting the app",
}


@dataclass(slots=True)
class View:
    """A run so far; `take` returns the lines that each message adds."""

    with_logs: bool = False
    """Show what the app and its installation print."""
    is_running: bool = False
    failure: str | None = None
    """Why the run did not end well; empty text where it was stopped."""
    is_complete: bool = False
    preview_url: str | None = None
    _planned: list[str] = field(default_factory=list)
    _done: set[str] = field(default_factory=set)
    _path: str | None = None
    _size: int = 0

    @property
    def is_over(self) -> bool:
        """Tell whether the run that was seen last has ended."""
        return self.is_complete or self.failure is not None

    @property
    def live(self) -> str:
        """The line that changes in place; empty while no file is being written."""
        if not self._planned:
            return ""
        done = sum(path in self._done for path in self._planned)
        filled = _BAR_WIDTH * done // len(self._planned)
        bar = "\N{FULL BLOCK}" * filled + "\N{LIGHT SHADE}" * (_BAR_WIDTH - filled)
        current = f"  {self._path}  {_size(self._size)}" if self._path else ""
        return f"{bar} {done}/{len(self._planned)}{current}"

    def take(self, message: AnyServerMessage) -> list[str]:
        """Take in the next message."""
        match message:
            case FileStart() | FileChunk() | SandboxLog():
                return self._take_progress(message)
            case RunStarted() | RunStopped() | GenerationComplete() | GenerationError():
                return self._take_run(message)
            case StateUpdate(data=data):
                self.preview_url = data.preview_url or self.preview_url
                recorded = isinstance(message.seq, int)
                line = _STATES.get(data.current_state) if recorded else None
                return [line] if line else []
            case Error(data=data) if not self.is_running:
                self.failure = data.message
                return []
            case _:
                return self._take_step(message)

    def _take_progress(self, message: FileStart | FileChunk | SandboxLog) -> list[str]:
        match message:
            case FileStart(data=start):
                self._path, self._size = start.path, 0
            case FileChunk(data=chunk):
                self._path = chunk.path
                self._size += len(chunk.chunk)
            case SandboxLog(data=log) if self.with_logs:
                return [f"  | {line}" for line in printable(log.content).splitlines()]
            case SandboxLog():
                pass
        return []

    def _take_run(
        self, message: RunStarted | RunStopped | GenerationComplete | GenerationError
    ) -> list[str]:
        self._planned, self._path = [], None
        self.is_running = isinstance(message, RunStarted)
        match message:
            case RunStarted(data=run):
                self.failure, self.is_complete = None, False
                return [f"Building: {_short(run.prompt)}"]
            case RunStopped():
                self.failure = ""
                return ["Stopped"]
            case GenerationError(data=error):
                self.failure = error.message
                return [f"Failed: {printable(error.message)}"]
            case GenerationComplete(data=end):
                self.is_complete = True
                files, phases = _count(len(end.files), "file"), end.phases
                return [f"Complete: {files} in {_count(phases, 'phase')}"]

    def _take_step(self, message: AnyServerMessage) -> list[str]:
        match message:
            case PhaseStart(data=phase):
                self._planned = [file.path for file in phase.files]
                self._done = set()
                return [f"Phase {phase.phase_index + 1}: {_short(phase.name)}"]
            case FileEnd(data=file):
                self._done.add(file.path)
                self._path = None
                return [f"  {printable(file.path)}  {_size(len(file.content))}"]
            case FilesWritten():
                self._planned = []
                return []
            case PackagesRequested(data=packages):
                return [f"  {_short(' '.join(packages.argv))}"]
            case MessagePosted(data=posted):
                return [f"You: {_short(posted.content)}"]
            case _:
                return self._take_sandbox_step(message)

    def _take_sandbox_step(self, message: AnyServerMessage) -> list[str]:
        match message:
            case DepsInstalled():
                return ["Packages are installed"]
            case ServerStarted(data=server):
                self.preview_url = server.url
                return ["The app runs"]
            case _:
                return []


def printable(text: str) -> str:
    """Return *text* without what would steer a terminal: a model wrote it."""
    return "".join(one for one in text if one.isprintable() or one in "\n\t")


def _short(text: str, most: int = 100) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _size(characters: int) -> str:
    if characters < _KILO:
        return f"{characters} B"
    return f"{characters / _KILO:.1f} kB"
