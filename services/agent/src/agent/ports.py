"""What the application needs from the world, beside the log and the bus."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from msgspec import Struct

from agent.domain.outcome import CallEnd
from agent.domain.prompting.prompt import Message
from contracts.requests import ModelInfo, SpendLimits
from contracts.sandbox import SandboxAnswer, SandboxRequest


class ModelCall(Struct, frozen=True):
    """What the language model is asked."""

    model: str
    messages: Sequence[Message]
    schema: dict[str, Any] | None = None
    """JSON Schema of the answer; None asks for text, as it is written."""
    fallbacks: Sequence[str] = ()
    """Models that answer where the first one cannot, in this order."""


class Unseen(Struct, frozen=True):
    """What a call has cost and nobody sees."""

    thoughts: int = 0
    """Characters that the model thought and did not write."""
    lost: int = 0
    """Requests that came to nothing, each of which had the prompt."""


Piece: TypeAlias = str | Unseen | CallEnd


class Model(Protocol):
    """A language model."""

    def answer(self, call: ModelCall) -> AsyncGenerator[Piece, None]:
        """Yield the answer in pieces, then once how it ended.

        Pieces of text are as they arrived, never empty, never cut within a character.
        Nothing is raised for what the provider does wrong: it is how the call ended.
        Closing the generator closes the connection, which stops the provider's work.
        """
        ...


class Catalog(Protocol):
    """Which language models there are."""

    async def models(self) -> list[ModelInfo]:
        """Return all models.

        Raises:
            Unavailable: The provider does not say.

        """
        ...

    async def find(self, model: str) -> ModelInfo | None:
        """Return what is known of a model; None where the provider does not say."""
        ...


class Reserved(Struct, frozen=True):
    """What was spent today, by the database's clock, and what is held for a call."""

    user_usd: float
    all_usd: float
    granted_usd: float
    """As much as was wanted, or what is left of the day; 0 while calls of other
    projects may still take it."""


class Ledger(Protocol):
    """What has been spent, beyond one project, and what may be."""

    async def limits(self) -> SpendLimits:
        """Return what an administrator has chosen last; no limits before.

        Raises:
            Unavailable: The database does not answer.

        """
        ...

    async def set_limits(self, limits: SpendLimits, by: UUID) -> None:
        """Let these be chosen; the ones before stay on record.

        Raises:
            Unavailable: The database does not answer.

        """
        ...

    async def reserve(
        self, project_id: UUID, owner_id: UUID, wanted_usd: float, limits: SpendLimits
    ) -> Reserved:
        """Hold money for a project's next call, in place of what it held before.

        The end of the call, whoever records it, ends what is held.

        Raises:
            Unavailable: The database does not answer.

        """
        ...

    async def release(self, project_id: UUID) -> None:
        """Hold nothing: the call was never begun.

        Raises:
            Unavailable: The database does not answer.

        """
        ...


class Sandbox(Protocol):
    """The service that runs apps."""

    async def ask(
        self, request: SandboxRequest, traceparent: str | None
    ) -> SandboxAnswer:
        """Return where the operation stands; the same key asks about the same one.

        Raises:
            Unavailable: Nobody answers; the operation may be under way all the same.

        """
        ...


NewId: TypeAlias = Callable[[], UUID]
"""Returns an id that nobody has."""
