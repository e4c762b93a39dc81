"""The agent and the api, asked over the bus."""

import asyncio
from typing import TypeVar
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct
from typing_extensions import override

from chassis import tracing
from contracts import codec, subjects
from contracts.project import Actor, PostMessage, ProjectCommand, StartRun
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
    VerifySocketToken,
)
from contracts.requests import Refused as RefusedAnswer
from eventcore import errors
from eventcore.ask import ask
from eventcore.ports import Requests
from gateway_ws.ports import Credential, Projects, Refused, Sessions, Unavailable

T = TypeVar("T")

_ANSWER_TIMEOUT_S = 5.0
_OPEN_FILE_TIMEOUT_S = 1.0
_COMMAND_TRIES = 3
_PAGES_AT_ONCE = 8
"""Pages of history that are under way: each may have some megabytes."""

_command_answers: msgspec.json.Decoder[CommandAnswer] = codec.decoder(CommandAnswer)
_query_answers: msgspec.json.Decoder[QueryAnswer] = codec.decoder(QueryAnswer)
_open_files: msgspec.json.Decoder[OpenFile] = codec.decoder(OpenFile)
_session_answers: msgspec.json.Decoder[SessionAnswer] = codec.decoder(SessionAnswer)


async def _ask(
    bus: Requests, subject: str, request: Struct, decoder: msgspec.json.Decoder[T]
) -> T:
    try:
        return await ask(
            bus,
            subject,
            request,
            decoder,
            timeout_s=_ANSWER_TIMEOUT_S,
            traceparent=tracing.current(),
        )
    except errors.Unavailable as error:
        raise Unavailable(str(error)) from error


class BusProjects(Projects):
    """Projects as any agent worker answers for them."""

    def __init__(self, bus: Requests) -> None:
        self._bus = bus
        self._pages = asyncio.Semaphore(_PAGES_AT_ONCE)

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
        async with self._pages:
            answer = await self._query(user_id, project_id, GetHistory(after, limit))
        if not isinstance(answer, History):
            raise Unavailable("the agent answered another question")
        return answer

    @override
    async def open_file(self, project_id: UUID) -> OpenFile | None:
        try:
            return await ask(
                self._bus,
                subjects.open_file(project_id),
                GetOpenFile(),
                _open_files,
                timeout_s=_OPEN_FILE_TIMEOUT_S,
                traceparent=tracing.current(),
            )
        except errors.Unavailable:
            return None  # nobody drives a run of this project

    @override
    async def command(
        self, user_id: UUID, project_id: UUID, command: ProjectCommand
    ) -> ProjectView:
        request = CommandRequest(uuid4(), project_id, _user(user_id), command)
        verb, project = codec.tag(command), str(project_id)
        # What begins a run begins its trace, whose name is the run's.
        with (
            tracing.root(verb, command.run_id, project=project)
            if isinstance(command, StartRun | PostMessage)
            else tracing.span(verb, project=project)
        ):
            answer = await self._command(request)
        if isinstance(answer, Accepted):
            return answer.project
        if answer.code == "unavailable":
            raise Unavailable(answer.message)
        raise Refused(answer.code, answer.message)

    async def _command(self, request: CommandRequest) -> CommandAnswer:
        """Ask until there is an answer: the same id has one effect, however often."""
        subject = subjects.command(request.project_id, codec.tag(request.command))
        for _ in range(_COMMAND_TRIES - 1):
            try:
                return await _ask(self._bus, subject, request, _command_answers)
            except Unavailable:
                continue
        return await _ask(self._bus, subject, request, _command_answers)

    async def _query(
        self, user_id: UUID, project_id: UUID, query: ProjectQuery
    ) -> QueryAnswer:
        request = QueryRequest(project_id, _user(user_id), query)
        subject = subjects.query(project_id, codec.tag(query))
        answer = await _ask(self._bus, subject, request, _query_answers)
        if not isinstance(answer, RefusedAnswer):
            return answer
        if answer.code == "unavailable":
            raise Unavailable(answer.message)
        raise Refused(answer.code, answer.message)


class BusSessions(Sessions):
    """Sessions as any api process answers for them."""

    def __init__(self, bus: Requests) -> None:
        self._bus = bus

    @override
    async def user_of(
        self, credential: Credential, *, again: bool = False
    ) -> UUID | None:
        secret, project_id = credential.secret, credential.project_id
        if project_id is None:
            subject: str = subjects.AUTH_VERIFY
            question: Struct = VerifySession(secret)
        else:
            subject = subjects.AUTH_VERIFY_SOCKET
            question = VerifySocketToken(secret, project_id, again)
        answer = await _ask(self._bus, subject, question, _session_answers)
        return answer.user_id if isinstance(answer, SessionVerified) else None


def _user(user_id: UUID) -> Actor:
    return Actor(kind="user", id=str(user_id))
