"""REST of an app's variables and secrets, and the sandbox's question for them."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, put
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.application.projects.variables import VariablesOfApps
from api.domain.scope import Needs
from api.domain.variable import MAX_VALUE_CHARS, Variable
from api.entrypoints.http.body import json_response, read_json
from api.entrypoints.http.errors import AnyRequest, HttpError, missing
from api.entrypoints.http.idempotency import command_id
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.parameters import id_in_path
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import EXAMPLE as PROJECT
from api.entrypoints.projects.resource import NOT_FOUND as NO_PROJECT
from contracts.project import VARIABLE_NAME


class NewValue(Struct, frozen=True):
    """Body of a PUT."""

    value: Annotated[
        str,
        Meta(max_length=MAX_VALUE_CHARS, extra_json_schema={"pattern": r"^[^\x00]*$"}),
    ]
    secret: bool = True
    """Whether nobody is shown the value again: only the app gets it, and where the app
    prints it, its log has stars instead."""


class VariableBody(Struct, frozen=True, rename="camel"):
    """A variable; *value* is null where it is a secret."""

    name: str
    secret: bool
    value: str | None
    updated_at: datetime


_SECRET = VariableBody(
    "API_KEY", secret=True, value=None, updated_at=PROJECT.created_at
)
_PLAIN = VariableBody(
    "GREETING", secret=False, value="hello", updated_at=PROJECT.created_at
)
NOT_FOUND = "Variable not found"

LIST = Operation(
    id="listVariables",
    tag="settings",
    about="The app's variables by name, secrets without their values",
    needs=Needs.READ,
    answer=list[VariableBody],
    example=[_SECRET, _PLAIN],
    missing=NO_PROJECT,
)
PUT = Operation(
    id="putVariable",
    tag="settings",
    about="Give the app a variable; where it runs it is started anew",
    needs=Needs.WRITE,
    body=NewValue,
    body_example=NewValue("hello", secret=False),
    answer=VariableBody,
    example=_PLAIN,
    missing=NO_PROJECT,
)
REMOVE = Operation(
    id="deleteVariable",
    tag="settings",
    about="Take a variable away from the app",
    needs=Needs.WRITE,
    answer=bool,
    example=True,
    missing=NOT_FOUND,
)

_NAME = re.compile(VARIABLE_NAME)
_new_value = msgspec.json.Decoder(NewValue)


class VariableDoor(Shared):
    """The requests about variables."""

    def __init__(
        self, security: Security, own: OwnProjects, variables: VariablesOfApps
    ) -> None:
        self._security = security
        self._own = own
        self._variables = variables

    async def list_all(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with the project's variables."""
        caller, id_ = await self._own.id(request, project_id)
        found = await self._variables.all(caller.id, id_)
        return json_response([self._body(id_, one) for one in found])

    async def put(
        self, request: AnyRequest, project_id: FromPath[str], variable: FromPath[str]
    ) -> Response[bytes]:
        """Keep a variable."""
        caller, id_ = await self._own.id(request, project_id)
        body = await read_json(request, _new_value)
        if not _NAME.fullmatch(variable):
            raise _unfit("A variable's name has capitals, digits and _, as in API_KEY")
        if "\0" in body.value:
            raise _unfit("A variable must not hold the character NUL")
        place = (caller.id, id_, variable)
        command = command_id(request, caller.id, body)
        kept = await self._variables.put(place, command, body.value, secret=body.secret)
        return json_response(self._body(id_, kept))

    async def remove(
        self, request: AnyRequest, project_id: FromPath[str], variable: FromPath[str]
    ) -> Response[bytes]:
        """Remove a variable."""
        caller = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        if not _NAME.fullmatch(variable):
            raise missing(request)
        command = command_id(request, caller.id, None)
        if not await self._variables.remove((caller.id, id_, variable), command):
            raise missing(request)
        return json_response(payload=True)

    def _body(self, project_id: UUID, variable: Variable) -> VariableBody:
        return VariableBody(
            name=variable.name,
            secret=variable.secret,
            value=self._variables.shown(project_id, variable),
            updated_at=variable.updated_at,
        )


def variable_routes(
    security: Security, own: OwnProjects, variables: VariablesOfApps
) -> Router:
    """Return the handlers of /api/projects/:id/variables."""
    door = VariableDoor(security, own, variables)
    one = "/{variable:str}"
    return Router(
        "/api/projects/{project_id:str}/variables",
        route_handlers=[
            get("/", opt=LIST.opt)(door.list_all),
            put(one, opt=PUT.opt)(door.put),
            delete(one, status_code=HTTPStatus.OK, opt=REMOVE.opt)(door.remove),
        ],
    )


def _unfit(sentence: str) -> HttpError:
    return HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
