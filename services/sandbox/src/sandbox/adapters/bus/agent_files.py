"""What the agent and the api know of a project, over the bus."""

import base64
import binascii
from collections.abc import Sequence
from uuid import UUID

import msgspec
from typing_extensions import override

from chassis import tracing
from contracts import codec, subjects
from contracts.project import Actor
from contracts.requests import (
    FileContent,
    Files,
    GetFiles,
    GetManifest,
    GetVariables,
    Manifest,
    ProjectQuery,
    QueryAnswer,
    QueryRequest,
    Refused,
    Variables,
    VariablesAnswer,
)
from eventcore.errors import Unavailable
from eventcore.ports import Bus
from sandbox.ports import ProjectFiles, ProjectGone

_TIMEOUT_S = 5.0
_ACTOR = Actor(kind="service", id="sandbox")
_NOT_THERE = ("project_not_found", "project_access_denied")
_answers = codec.decoder(QueryAnswer)
_variables = codec.decoder(VariablesAnswer)


class AgentFiles(ProjectFiles):
    """Asks whichever process answers."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @override
    async def manifest(self, project_id: UUID) -> Manifest:
        answer = await self._ask(project_id, GetManifest())
        if not isinstance(answer, Manifest):
            raise Unavailable("the agent answered something else than a manifest")
        if answer.deleted:
            raise ProjectGone
        return answer

    @override
    async def variables(self, project_id: UUID) -> Variables:
        raw = await self._bus.request(
            subjects.variables(project_id),
            codec.encode(GetVariables(project_id)),
            timeout_s=_TIMEOUT_S,
            traceparent=None,
        )
        try:
            answer: VariablesAnswer = _variables.decode(raw)
        except msgspec.MsgspecError as exc:
            raise Unavailable("the api's answer cannot be read") from exc
        if isinstance(answer, Variables):
            return answer
        raise Unavailable(answer.message)

    @override
    async def contents(
        self, project_id: UUID, paths: Sequence[str]
    ) -> dict[str, bytes]:
        answer = await self._ask(project_id, GetFiles(list(paths)))
        if not isinstance(answer, Files):
            raise Unavailable("the agent answered something else than files")
        return {file.path: _bytes_of(file) for file in answer.files}

    async def _ask(self, project_id: UUID, query: ProjectQuery) -> QueryAnswer:
        verb = str(query.__struct_config__.tag)
        body = codec.encode(QueryRequest(project_id, _ACTOR, query))
        subject = subjects.query(project_id, verb)
        raw = await self._bus.request(
            subject, body, timeout_s=_TIMEOUT_S, traceparent=tracing.current()
        )
        try:
            answer: QueryAnswer = _answers.decode(raw)
        except msgspec.MsgspecError as exc:
            raise Unavailable("the agent's answer cannot be read") from exc
        if isinstance(answer, Refused):
            if answer.code in _NOT_THERE:
                raise ProjectGone
            raise Unavailable(answer.message)
        return answer


def _bytes_of(file: FileContent) -> bytes:
    if file.encoding == "utf-8":
        return file.content.encode()
    try:
        return base64.b64decode(file.content, validate=True)
    except binascii.Error as exc:
        raise Unavailable(f"the content of {file.path} cannot be read") from exc
