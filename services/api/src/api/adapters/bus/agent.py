"""The agent, asked over the bus."""

from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from typing_extensions import override

from api.ports import Agent
from chassis import tracing
from contracts import codec, subjects
from contracts.project import Actor
from contracts.requests import (
    Accepted,
    CommandAnswer,
    CommandRequest,
    GetHistory,
    GetLimits,
    GetModels,
    GetProject,
    History,
    Limits,
    LimitsAnswer,
    Models,
    ModelsAnswer,
    ProjectAnswer,
    ProjectView,
    QueryAnswer,
    QueryRequest,
    Refused,
    SetLimits,
    SpendLimits,
)
from eventcore.ask import ask
from eventcore.errors import Rejected, Unavailable
from eventcore.ports import Bus

ACTOR = Actor("service", "api")
"""In whose name the projector reads histories."""

T = TypeVar("T")

_TIMEOUT_S = 5.0

_command_answers: msgspec.json.Decoder[CommandAnswer] = codec.decoder(CommandAnswer)
_query_answers: msgspec.json.Decoder[QueryAnswer] = codec.decoder(QueryAnswer)
_models_answers: msgspec.json.Decoder[ModelsAnswer] = codec.decoder(ModelsAnswer)
_limits_answers: msgspec.json.Decoder[LimitsAnswer] = codec.decoder(LimitsAnswer)


class BusAgent(Agent):
    """Any worker of the agent that is there."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @override
    async def command(self, request: CommandRequest) -> Accepted:
        subject = subjects.command(request.project_id, codec.tag(request.command))
        answer = await self._ask(subject, request, _command_answers)
        if isinstance(answer, Accepted):
            return answer
        raise _refusal(answer)

    @override
    async def history(
        self,
        project_id: UUID,
        after: int,
        *,
        limit: int = 200,
        user_id: UUID | None = None,
    ) -> History:
        query = GetHistory(after, limit)
        actor = Actor("user", str(user_id)) if user_id is not None else ACTOR
        request = QueryRequest(project_id, actor, query)
        subject = subjects.query(project_id, codec.tag(query))
        answer = await self._ask(subject, request, _query_answers)
        if isinstance(answer, History):
            return answer
        if isinstance(answer, Refused):
            raise _refusal(answer)
        raise Unavailable("the agent answered another question")

    @override
    async def project(self, project_id: UUID, user_id: UUID) -> ProjectView:
        query = GetProject()
        request = QueryRequest(project_id, Actor("user", str(user_id)), query)
        subject = subjects.query(project_id, codec.tag(query))
        answer = await self._ask(subject, request, _query_answers)
        if isinstance(answer, ProjectAnswer):
            return answer.project
        if isinstance(answer, Refused):
            raise _refusal(answer)
        raise Unavailable("the agent answered another question")

    @override
    async def models(self) -> Models:
        answer = await self._ask(subjects.MODELS, GetModels(), _models_answers)
        if isinstance(answer, Models):
            return answer
        raise Unavailable(answer.message)

    @override
    async def limits(self) -> Limits:
        return await self._limits(subjects.LIMITS, GetLimits())

    @override
    async def set_limits(self, limits: SpendLimits, administrator_id: UUID) -> Limits:
        return await self._limits(
            subjects.SET_LIMITS, SetLimits(administrator_id, limits)
        )

    async def _limits(self, subject: str, request: Struct) -> Limits:
        answer = await self._ask(subject, request, _limits_answers)
        if isinstance(answer, Limits):
            return answer
        raise _refusal(answer)

    async def _ask(
        self, subject: str, request: Struct, answers: msgspec.json.Decoder[T]
    ) -> T:
        with tracing.span("api.request", subject=subject) as traceparent:
            return await ask(
                *(self._bus, subject, request, answers),
                timeout_s=_TIMEOUT_S,
                traceparent=traceparent,
            )


def _refusal(answer: Refused) -> Rejected | Unavailable:
    if answer.code == "unavailable":
        return Unavailable(answer.message)
    return Rejected(answer.code, answer.message)
