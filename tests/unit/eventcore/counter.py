"""A small aggregate for the tests of the event core: a conversation that can be closed.

It uses the project's events, because the stores take no others.
"""

from uuid import UUID, uuid4

from msgspec import Struct

from contracts.codec import AnyEvent, decode_stored
from contracts.envelope import Context
from contracts.project import Actor, MessagePosted, ProjectDeleted, ProjectEvent
from eventcore.decider import Decider
from eventcore.errors import Denied, Rejected
from eventcore.execute import Executor, StateCodec, Versioned
from eventcore.ports import EventStore, SnapshotStore

CONTEXT = Context(Actor("user", "someone"))


class Conversation(Struct, frozen=True):
    """How many messages there are, and whether more may come."""

    count: int = 0
    is_closed: bool = False


class Say(Struct, frozen=True):
    """Add *times* messages."""

    content: str
    times: int = 1


class Intrude(Struct, frozen=True):
    """Do what nobody may."""


class Close(Struct, frozen=True):
    """Let no more messages come; closing twice changes nothing."""


def decide(state: Conversation, command: Say | Close | Intrude) -> list[ProjectEvent]:
    match command:
        case Say():
            if state.is_closed:
                raise Rejected("closed", "Nobody listens any more.")
            return [MessagePosted(uuid4(), command.content)] * command.times
        case Intrude():
            raise Denied("denied", "You are not one of us.")
        case Close():
            return [] if state.is_closed else [ProjectDeleted()]


def evolve(state: Conversation, event: AnyEvent) -> Conversation:
    match event:
        case MessagePosted():
            return Conversation(state.count + 1, state.is_closed)
        case ProjectDeleted():
            return Conversation(state.count, is_closed=True)
        case _:
            return state


CONVERSATION = Decider(Conversation(), decide, evolve)
STATES = StateCodec(Conversation, fold=1)

Conversations = Executor[Conversation, Say | Close | Intrude, ProjectEvent, AnyEvent]


def executor(
    store: EventStore[ProjectEvent],
    snapshots: SnapshotStore | None = None,
    *,
    hot_states: int = 10,
) -> Conversations:
    return Executor(
        *(store, CONVERSATION, decode_stored),
        snapshots=snapshots,
        states=STATES if snapshots is not None else None,
        hot_states=hot_states,
    )


async def execute(
    conversations: Conversations,
    stream: UUID,
    command: Say | Close | Intrude,
    command_id: UUID | None = None,
) -> bytes:
    return await conversations.execute(
        *(stream, command),
        command_id=command_id or uuid4(),
        context=CONTEXT,
        accept=accept,
        refuse=lambda rejection: rejection.code.encode(),
    )


def accept(after: Versioned[Conversation]) -> bytes:
    return f"{after.state.count} at {after.version}".encode()
