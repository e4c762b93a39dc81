"""Commands and questions from the bus: a request in, one application call, its answer.

Whatever comes in is answered; nothing that a sender writes can end the service.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec

from agent.application import metrics
from agent.application.commands import Commands
from agent.application.limits import HouseLimits
from agent.application.models import ModelList
from agent.application.queries import Queries
from agent.entrypoints.shares import Share, Shares, TooMuch
from chassis import logs
from chassis.tracing import span
from contracts import codec, public, subjects
from contracts.project import Actor
from contracts.requests import (
    CommandAnswer,
    CommandRequest,
    LimitsAnswer,
    QueryAnswer,
    QueryRequest,
    Refused,
    SetLimits,
)
from eventcore.errors import Unavailable
from eventcore.ports import Bus

_log = logs.get(__name__)

_set_limits = codec.decoder(SetLimits)

_OUTSIDE = "svc."
"""Begins the subjects of services that are none of ours."""

Request = TypeVar("Request", bound=CommandRequest | QueryRequest)
Answer: TypeAlias = CommandAnswer | QueryAnswer

MALFORMED = Refused("invalid_message_data", "The request is not understood.")
MISPLACED = Refused(
    "invalid_message_data",
    "The subject names another project, verb or service than the body.",
)
TOO_MUCH = Refused(
    "rate_limited",
    "This service asks too much at once: wait a second and ask again.",
)
UNAVAILABLE = Refused("unavailable", "The service is starting again: try in a moment.")
NO_LIST = Refused("unavailable", "The provider does not list its models at the moment.")
BROKEN = Refused("internal_error", "Something went wrong on our side.")


class Door(Generic[Request]):
    """Answers one kind of request."""

    def __init__(
        self,
        decoder: msgspec.json.Decoder[Request],
        verb: Callable[[Request], str],
        answer: Callable[[Request, str | None], Awaitable[Answer]],
        shares: Shares,
    ) -> None:
        """*verb* says which last token of the subject a request belongs to."""
        self._decoder = decoder
        self._verb = verb
        self._answer = answer
        self._shares = shares

    async def handle(
        self, subject: str, body: bytes, headers: Mapping[str, str]
    ) -> bytes:
        """Return the answer to *body*, whatever it is."""
        if _is_outside(subject):
            answer = await self._read_for_outside(subject, body, headers)
        else:
            answer = await self._read(subject, body, headers)
        _count(subject, answer)
        return codec.encode(answer)

    async def _read_for_outside(
        self, subject: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        service = subject.split(".", 2)[1]
        try:
            async with self._shares.place(service):
                return public.for_outside(await self._read(subject, body, headers))
        except TooMuch:
            return TOO_MUCH

    async def _read(
        self, subject: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        try:
            request = self._decoder.decode(body)
        except codec.Malformed:
            return MALFORMED
        if not _fits(subject, request, self._verb(request)):
            return MISPLACED
        traceparent = headers.get("traceparent")
        with (
            span(self._verb(request), traceparent) as onward,
            logs.bound(**_ids(request)),
        ):
            return await self._answered(request, onward)

    async def _answered(self, request: Request, traceparent: str) -> Answer:
        try:
            return await self._answer(request, traceparent)
        except Unavailable as error:
            _log.warning("not answered", reason=str(error))
            return UNAVAILABLE
        except Exception:  # noqa: BLE001 - the sender of one request ends no service
            _log.exception("request broke")
            return BROKEN


class _House:
    """Answers what is asked about the installation, whatever the project."""

    def __init__(self, models: ModelList, limits: HouseLimits) -> None:
        self._models = models
        self._limits = limits

    async def list_models(self, _: str, __: bytes, ___: Mapping[str, str]) -> bytes:
        try:
            return codec.encode(await self._models.answer())
        except Unavailable:
            return codec.encode(NO_LIST)

    async def tell_limits(self, _: str, __: bytes, ___: Mapping[str, str]) -> bytes:
        return codec.encode(await self._told(self._limits.answer()))

    async def set_limits(
        self, subject: str, body: bytes, __: Mapping[str, str]
    ) -> bytes:
        try:
            wanted = _set_limits.decode(body)
        except codec.Malformed:
            _count(subject, MALFORMED)
            return codec.encode(MALFORMED)
        return codec.encode(await self._told(self._limits.change(wanted)))

    async def _told(self, answer: Awaitable[LimitsAnswer]) -> LimitsAnswer:
        try:
            return await answer
        except Unavailable as error:
            _log.warning("not answered", reason=str(error))
            return UNAVAILABLE


class Buses(msgspec.Struct, frozen=True):
    """Connections to the bus."""

    own: Bus
    """Where our own services ask."""
    outside: Bus
    """Where others do: however much they send, it comes in nobody else's way."""


@asynccontextmanager
async def serving(
    buses: Buses,
    commands: Commands,
    queries: Queries,
    models: ModelList,
    limits: HouseLimits,
    share: Share,
) -> AsyncGenerator[None, None]:
    """Answer commands and questions, shared with all other workers.

    *share* is what each service outside gets: none waits behind what another one sends.
    """
    shares = Shares(share)
    command_door = Door(
        codec.decoder(CommandRequest),
        lambda request: _tag(request.command),
        commands.answer,
        shares,
    )
    query_door = Door(
        codec.decoder(QueryRequest),
        lambda request: _tag(request.query),
        lambda request, _: queries.answer(request),
        shares,
    )

    house = _House(models, limits)
    async with AsyncExitStack() as stack:
        for subject, handle in (
            (subjects.MODELS, house.list_models),
            (subjects.LIMITS, house.tell_limits),
            (subjects.SET_LIMITS, house.set_limits),
            (subjects.COMMANDS, command_door.handle),
            (subjects.QUERIES, query_door.handle),
        ):
            served = await buses.own.serve(subject, subjects.AGENT_QUEUE, handle)
            stack.push_async_callback(served.close)
        for subject, handle in (
            (subjects.SERVICE_COMMANDS, command_door.handle),
            (subjects.SERVICE_QUERIES, query_door.handle),
        ):
            served = await buses.outside.serve(
                subject, subjects.AGENT_QUEUE, handle, bounded=False
            )
            stack.push_async_callback(served.close)
        yield


def _fits(subject: str, request: Request, verb: str) -> bool:
    """Tell whether the envelope says what the subject says, which NATS has checked.

    On the subjects of a service outside the sender is that service and nobody else;
    on the others are our own services, which speak for people.
    """
    rest = subject.split(".")[1:]
    if _is_outside(subject):
        name, _, *rest = rest
        is_sender = request.actor == Actor("service", name)
        if not is_sender or name in subjects.INTERNAL_SERVICES:
            return False
    return rest == [str(request.project_id), verb]


def _is_outside(subject: str) -> bool:
    return subject.startswith(_OUTSIDE)


def _count(subject: str, answer: Answer) -> None:
    """Count a refusal, by its code and by whether one of our own was refused."""
    if isinstance(answer, Refused):
        sender = "outside" if _is_outside(subject) else "inside"
        metrics.REFUSED.labels(sender, answer.code).inc()


def _tag(message: msgspec.Struct) -> str:
    return str(message.__struct_config__.tag)


def _ids(request: CommandRequest | QueryRequest) -> dict[str, UUID]:
    ids = {"project": request.project_id}
    if isinstance(request, CommandRequest):
        ids["command"] = request.id
    return ids
