"""A log of events for the projector: told to it by a stream, and by an agent."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from nats.aio.client import Client

from contracts import codec, subjects
from contracts.envelope import Recorded
from contracts.project import (
    DailyUsage,
    Event,
    FileWritten,
    ProjectCreated,
    ProjectErased,
)
from contracts.requests import GetHistory, History, QueryRequest, Refused
from eventcore.ports import Bus, Headers

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OWNER = UUID(int=2)
SHARD = 0

_questions = msgspec.json.Decoder(QueryRequest)


class Log:
    """The events of all projects, and what was asked about them."""

    def __init__(self) -> None:
        self.events: dict[UUID, list[Recorded]] = {}
        self.asked: list[QueryRequest] = []

    def new_project(self, *more: Event, name: str = "Todo") -> UUID:
        """Record a project's beginning; return its id."""
        project_id = uuid4()
        self.add(project_id, ProjectCreated(name, "a list", OWNER), *more)
        return project_id

    def add(self, project_id: UUID, *events: Event) -> None:
        """Record more of a project."""
        for event in events:
            self.add_raw(project_id, codec.tag(event), codec.encode(event))

    def add_raw(self, project_id: UUID, type_: str, data: bytes) -> None:
        """Record anything at all."""
        log = self.events.setdefault(project_id, [])
        seq = len(log) + 1
        at = NOON + timedelta(seconds=seq)
        raw = msgspec.Raw(data)
        log.append(Recorded(uuid4(), project_id, seq, type_, at, raw))

    def erase(self, project_id: UUID, *usage: DailyUsage) -> None:
        """Leave of a project what the eraser leaves."""
        version = len(self.events[project_id]) + 1
        self.add(project_id, ProjectErased(version, OWNER, list(usage)))
        del self.events[project_id][:-1]

    async def answer(self, bus: Bus) -> None:
        """Answer histories, as any worker of the agent does."""

        async def answer(_: str, body: bytes, __: Headers) -> bytes:
            request = _questions.decode(body)
            self.asked.append(request)
            events = self.events.get(request.project_id)
            if events is None:
                return codec.encode(Refused("project_not_found", "Project not found"))
            assert isinstance(request.query, GetHistory)
            after, limit = request.query.after, request.query.limit
            later = [one for one in events if one.seq > after]
            return codec.encode(History(later[:limit], events[-1].seq))

        await bus.serve(subjects.QUERIES, subjects.AGENT_QUEUE, answer)


class Stream:
    """The stream of a shard, which may be wrong in every way."""

    def __init__(self, client: Client) -> None:
        self._jetstream = client.jetstream()

    async def make(self) -> None:
        """Make the stream."""
        name, subject = subjects.stream(SHARD), subjects.stream_subjects(SHARD)
        await self._jetstream.add_stream(name=name, subjects=[subject])

    async def wipe(self) -> None:
        """Lose the stream with all that is in it, and make another one."""
        await self._jetstream.delete_stream(subjects.stream(SHARD))
        await self.make()

    async def publish(self, events: Iterable[Recorded]) -> None:
        """Publish *events*, which are of one project, as one message."""
        batch = list(events)
        subject = subjects.event(SHARD, batch[0].project_id)
        await self._jetstream.publish(subject, codec.encode(batch))


def written(path: str, content: str = "x") -> FileWritten:
    """Return the event of a file."""
    return FileWritten(uuid4(), path, content, author="agent")
