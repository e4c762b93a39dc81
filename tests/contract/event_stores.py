"""What the suites of the event stores share: events, contexts, patience."""

from uuid import UUID, uuid4

from contracts.envelope import Context
from contracts.project import (
    Actor,
    MessagePosted,
    ProjectCreated,
    ProjectEvent,
    RunCompleted,
    RunStarted,
)
from eventcore.adapters.memory import MemoryStore
from eventcore.adapters.postgres import PostgresStore
from eventcore.ports import CommandOutcome

AnyStore = MemoryStore | PostgresStore

CONTEXT = Context(
    Actor("user", "someone"), correlation_id=uuid4(), traceparent="00-a-b"
)
CREATED = ProjectCreated("a board", "with cards", uuid4())
STARTED = RunStarted(uuid4(), "build it")
COMPLETED = RunCompleted(STARTED.run_id, ["index.html"], 1)


def posted(content: str) -> ProjectEvent:
    return MessagePosted(uuid4(), content)


def outcome(answer: bytes = b"yes", command_id: UUID | None = None) -> CommandOutcome:
    return CommandOutcome(command_id or uuid4(), answer)


async def append(
    store: AnyStore, stream: UUID, *events: ProjectEvent, expected: int
) -> int:
    return await store.append(stream, events, expected=expected, context=CONTEXT)
