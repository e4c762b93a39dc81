"""The decider: what an aggregate is, as three members. Pure: no await, no clock."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Decider(Generic[S, C, E, R]):
    """State *S*, commands *C*, events *E* that are decided and *R* that are read.

    *R* is *E* and whatever else a log may hold, such as events of a newer version.
    """

    initial: S
    decide: Callable[[S, C], list[E]]
    """Raises Rejected when the answer is no."""
    evolve: Callable[[S, R], S]
    """Total: never refuses history."""

    def fold(self, events: Iterable[R], state: S | None = None) -> S:
        """Return *state*, or the initial one, after *events*."""
        evolve = self.evolve
        folded = self.initial if state is None else state
        for event in events:
            folded = evolve(folded, event)
        return folded
