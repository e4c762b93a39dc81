"""REST of usage: what language models have cost, in total and in parts."""

from datetime import UTC, date, datetime

from litestar import Response, Router, get
from litestar.params import FromPath

from api.domain.scope import Needs
from api.domain.usage import (
    Report,
    Spent,
    SpentOnDay,
    SpentOnModel,
    SpentOnProject,
)
from api.entrypoints.http import parameters
from api.entrypoints.http.body import json_response
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.operation import Operation, Parameter
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import EXAMPLE as PROJECT
from api.entrypoints.projects.resource import NOT_FOUND
from api.ports import UsageViews

_FIRST_DAY = date(2020, 1, 1)
_DATE = {"type": "string", "format": "date"}
_DAYS = (
    Parameter("from", "First day, in UTC; without it, the first there is", _DATE),
    Parameter("to", "Last day, in UTC; without it, today", _DATE),
)
_SPENT = (12, 40_000, 9_000, 0.25)
_EXAMPLE = Report(
    Spent(*_SPENT),
    [SpentOnDay(*_SPENT, day=date(2026, 1, 1))],
    [SpentOnModel(*_SPENT, model="example/writer")],
    [SpentOnProject(*_SPENT, project_id=PROJECT.id, name=PROJECT.name)],
)

OF_USER = Operation(
    id="getUsage",
    tag="usage",
    about="What language models have cost you, by day, model and project",
    needs=Needs.READ,
    query=_DAYS,
    answer=Report,
    example=_EXAMPLE,
)
OF_PROJECT = Operation(
    id="getProjectUsage",
    tag="usage",
    about="What language models have cost for a project, by day and model",
    needs=Needs.READ,
    query=_DAYS,
    answer=Report,
    example=_EXAMPLE,
    missing=NOT_FOUND,
)


class UsageDoor(Shared):
    """The requests about usage."""

    def __init__(self, security: Security, own: OwnProjects, usage: UsageViews) -> None:
        self._security = security
        self._own = own
        self._usage = usage

    async def of_user(self, request: AnyRequest) -> Response[bytes]:
        """Answer with all that one has spent."""
        caller = await self._security.caller(request)
        first, last = _days(request)
        return json_response(await self._usage.of_user(caller.id, first, last))

    async def of_project(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with what was spent on a project."""
        caller, id_ = await self._own.id(request, project_id)
        first, last = _days(request)
        report = await self._usage.of_project(caller.id, id_, first, last)
        return json_response(report)


def _days(request: AnyRequest) -> tuple[date, date]:
    today = datetime.now(UTC).date()
    return parameters.day(request, "from", _FIRST_DAY), parameters.day(
        request, "to", today
    )


def usage_routes(
    security: Security, own: OwnProjects, usage: UsageViews
) -> list[Router]:
    """Return the handlers of /api/usage and /api/projects/:id/usage."""
    door = UsageDoor(security, own, usage)
    return [
        Router("/api/usage", route_handlers=[get("/", opt=OF_USER.opt)(door.of_user)]),
        Router(
            "/api/projects/{project_id:str}/usage",
            route_handlers=[get("/", opt=OF_PROJECT.opt)(door.of_project)],
        ),
    ]
