"""Decider specs: `given(PROJECT, *events).when(command) == [events]`."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from eventcore.decider import Decider

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Given(Generic[S, C, E, R]):
    """An aggregate after some history."""

    decider: Decider[S, C, E, R]
    state: S

    def when(self, command: C) -> list[E]:
        """Return what happens on the command; raises what it is refused with."""
        return self.decider.decide(self.state, command)


def given(decider: Decider[S, C, E, R], *events: R) -> Given[S, C, E, R]:
    """Return the aggregate after *events*."""
    return Given(decider, decider.fold(events))
