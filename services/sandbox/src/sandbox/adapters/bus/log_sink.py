"""Output of sandboxes on its way to whoever watches."""

from uuid import UUID

from typing_extensions import override

from contracts import codec, subjects
from contracts.progress import SandboxLog
from eventcore.ports import Bus
from sandbox.domain.output import Stream
from sandbox.ports import LogSink


class BusLogSink(LogSink):
    """Publishes lines as progress: shown and forgotten."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @override
    def show(self, project_id: UUID, stream: Stream, content: str) -> None:
        self._bus.publish(
            subjects.log(project_id), codec.encode(SandboxLog(stream, content))
        )
