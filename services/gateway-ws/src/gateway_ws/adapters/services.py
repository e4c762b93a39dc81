"""The agent and the api, asked over the bus."""

from typing import TypeVar
from uuid import UUID, uuid4

import msgspec
from typing_extensions import override

from chassis import tracing
from contracts import codec, subjects
from contracts.project import Actor, ProjectCommand
from contracts.requests import (
    Accepted,
    CommandAnswer,
    CommandRequest,
    GetHistory,
    GetOpenFile,
    GetProject,
    History,
    OpenFile,
    ProjectAnswer,
    ProjectQuery,
    ProjectView,
    QueryAnswer,
    QueryRequest,
    SessionAnswer,
    SessionVerified,
    VerifySession,
)
from contracts.requests import Refused as RefusedAnswer
from eventcore import errors
from eventcore.ports import Bus
from gateway_ws.ports import Projects, Refused, Sessions, Unavailable

T = TypeVar("T")

_ANSWER_TIMEOUT_S = 5.0
_OPEN_FILE_TIMEOUT_S = 1.0
_COMMAND_TRIES = 3

_command_answers: msgspec.json.Decoder[CommandAnswer] = codec.decoder(CommandAnswer)
_query_answers: msgspec.json.Decoder[QueryAnswer] = codec.decoder(QueryAnswer)
_open_files: msgspec.json.Decoder[OpenFile] = codec.decoder(OpenFile)
_session_answers: msgspec.json.Decoder[SessionAnswer] = codec.decoder(SessionAnswer)


class BusProjects(Projects):
    """Projects as any agent worker answers for them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @override
    async def view(self, user_id: UUID, project_id: UUID) -> ProjectView:
        answer = await self._query(user_id, project_id, GetProject())
        if not isinstance(answer, ProjectAnswer):
            raise Unavailable("the agent answered another question")
        return answer.project

    @override
    async def history(
        self, user_id: UUID, project_id: UUID, *, after: int, limit: int
    ) -> History:
        answer = await self._query(user_id, project_id, GetHistory(after, limit))
        if not isinstance(answer, History):
            raise Unavailable("the agent answered another question")
        return answer

    @override
    async def open_file(self, project_id: UUID) -> OpenFile | None:
        try:
            body = await self._bus.request(
                subjects.open_file(project_id),
                codec.encode(GetOpenFile()),
                timeout_s=_OPEN_FILE_TIMEOUT_S,
                traceparent=None,
            )
        except errors.Unavailable:
            return None  # nobody drives a run of this project
        return _decoded(_open_files, body)

    @override
    async def command(
        self, user_id: UUID, project_id: UUID, command: ProjectCommand
    ) -> ProjectView:
        request = CommandRequest(uuid4(), project_id, _user(user_id), command)
        subject = subjects.command(project_id, codec.tag(command))
        body = await self._send(subject, codec.encode(request), tries=_COMMAND_TRIES)
        answer = _decoded(_command_answers, body)
        if isinstance(answer, Accepted):
            return answer.project
        raise Refused(answer.code, answer.message)

    async def _query(
        self, user_id: UUID, project_id: UUID, query: ProjectQuery
    ) -> QueryAnswer:
        request = QueryRequest(project_id, _user(user_id), query)
        subject = subjects.query(project_id, codec.tag(query))
        answer = _decoded(
            _query_answers, await self._send(subject, codec.encode(request))
        )
        if isinstance(answer, RefusedAnswer):
            if answer.code == "unavailable":
                raise Unavailable(answer.message)
            raise Refused(answer.code, answer.message)
        return answer

    async def _send(self, subject: str, body: bytes, *, tries: int = 1) -> bytes:
        """Ask; *tries* times the same body, which is safe: its id is the same."""
        with tracing.span("gateway.request", subject=subject) as traceparent:
            for remaining in reversed(range(tries)):
                try:
                    return await self._bus.request(
                        subject,
                        body,
                        timeout_s=_ANSWER_TIMEOUT_S,
                        traceparent=traceparent,
                    )
                except errors.Unavailable as error:
                    if remaining == 0:
                        raise Unavailable(str(error)) from error
        raise AssertionError("at least one try")


class BusSessions(Sessions):
    """Sessions as any api process answers for them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @override
    async def user_of(self, token: str) -> UUID | None:
        try:
            body = await self._bus.request(
                subjects.AUTH_VERIFY,
                codec.encode(VerifySession(token)),
                timeout_s=_ANSWER_TIMEOUT_S,
                traceparent=None,
            )
        except errors.Unavailable as error:
            raise Unavailable(str(error)) from error
        answer = _decoded(_session_answers, body)
        return answer.user_id if isinstance(answer, SessionVerified) else None


def _user(user_id: UUID) -> Actor:
    return Actor(kind="user", id=str(user_id))


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"an answer that is none: {error}") from error
