"""What a project of ten thousand events costs to fold, beside only reading it.

The history is one that a busy project could have: phases of files, messages, edits.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec

from agent.domain.replay import fold_recorded
from contracts import codec
from contracts.envelope import Recorded
from contracts.project import (
    FileWritten,
    MessagePosted,
    ProjectCreated,
    ProjectEvent,
)

EVENTS = 10_000
FILES = 200
ROUNDS = 9
CONTENT = "export const value = 1;\n" * 40


def history(count: int) -> list[Recorded]:
    """Return a log of *count* events, as it comes from the database."""
    project_id, owner = uuid4(), uuid4()
    events: list[ProjectEvent] = [ProjectCreated("Board", "A kanban board", owner)]
    ids = [uuid4() for _ in range(FILES)]
    while len(events) < count:
        number = len(events)
        if number % 50 == 0:
            events.append(MessagePosted(uuid4(), f"Change {number}, please."))
            continue
        path, content = f"src/file{number % FILES}.ts", f"// {number}\n{CONTENT}"
        events.append(FileWritten(ids[number % FILES], path, content, "user"))
    at = datetime.now(UTC)
    return [
        _recorded(project_id, seq, event, at) for seq, event in enumerate(events, 1)
    ]


def _recorded(
    project_id: UUID, seq: int, event: ProjectEvent, at: datetime
) -> Recorded:
    return Recorded(
        id=uuid4(),
        project_id=project_id,
        seq=seq,
        type=codec.event_type(event),
        at=at,
        data=msgspec.Raw(codec.encode(event)),
    )


def main() -> None:
    """Print the medians of both, taken in turns."""
    log = history(EVENTS)
    decoded: list[float] = []
    folded: list[float] = []
    for _ in range(ROUNDS):
        decoded.append(
            _cpu_ms(lambda: [codec.decode_event(e.type, e.data) for e in log])
        )
        folded.append(_cpu_ms(lambda: fold_recorded(log)))
    size = sum(len(bytes(one.data)) for one in log) >> 20
    both = statistics.median(decoded), statistics.median(folded)
    print(f"{EVENTS:,} events, {size} MiB; processor time, median of {ROUNDS}")
    print(f"  decoded only       {both[0]:8.1f} ms")
    print(f"  decoded and folded {both[1]:8.1f} ms   {both[1] / both[0]:.1f} x")


def _cpu_ms(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1000
