"""REST of what language models may cost: everybody sees it, administrators choose."""

from http import HTTPStatus

import msgspec
from litestar import Response, Router, get, patch
from msgspec import UNSET, Struct, UnsetType, structs

from api.domain.scope import Needs
from api.entrypoints.http.body import json_response, read_json
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.ports import Agent
from contracts.project import Money
from contracts.requests import Limits, Tokens


class LimitsBody(Struct, frozen=True, rename="camel"):
    """In US dollars and tokens; null: any amount."""

    run_usd: float | None
    """Of a run whose project's settings say nothing."""
    max_run_usd: float | None
    """Of any run, whatever its project's settings say."""
    project_usd: float | None
    """Of all runs of a project whose settings say nothing."""
    max_project_usd: float | None
    """Of all runs of any project."""
    run_tokens: int | None
    """Read and written in a run whose project's settings say nothing."""
    max_run_tokens: int | None
    """In any run."""
    user_day_usd: float | None
    """Of all projects of one person in a day, in UTC."""
    day_usd: float | None
    """Of all projects in a day."""


class LimitsStateBody(Struct, frozen=True):
    """The limits that hold."""

    limits: LimitsBody
    fixed: list[str]
    """Names of those that are set where Atelier was started; they stay as they are."""


class LimitsChange(Struct, frozen=True, rename="camel"):
    """Body of a PATCH; what it leaves out stays as it is, and null is any amount."""

    run_usd: Money | UnsetType | None = UNSET
    max_run_usd: Money | UnsetType | None = UNSET
    project_usd: Money | UnsetType | None = UNSET
    max_project_usd: Money | UnsetType | None = UNSET
    run_tokens: Tokens | UnsetType | None = UNSET
    max_run_tokens: Tokens | UnsetType | None = UNSET
    user_day_usd: Money | UnsetType | None = UNSET
    day_usd: Money | UnsetType | None = UNSET


_NAMES = {field.name: field.encode_name for field in structs.fields(LimitsBody)}
_EXAMPLE = LimitsStateBody(
    LimitsBody(
        run_usd=2.0,
        max_run_usd=10.0,
        project_usd=None,
        max_project_usd=None,
        run_tokens=None,
        max_run_tokens=None,
        user_day_usd=20.0,
        day_usd=100.0,
    ),
    fixed=["dayUsd"],
)

GET = Operation(
    id="getLimits",
    tag="usage",
    about="What language models may cost on this installation",
    needs=Needs.READ,
    answer=LimitsStateBody,
    example=_EXAMPLE,
)
CHANGE = Operation(
    id="changeLimits",
    tag="administration",
    about="Change what language models may cost; runs that are under way follow at "
    "their next call of a model",
    needs=Needs.ADMINISTRATOR,
    body=LimitsChange,
    body_example=LimitsChange(run_usd=2.0, max_run_usd=10.0),
    answer=LimitsStateBody,
    example=_EXAMPLE,
    errors=(HTTPStatus.CONFLICT,),
)

_change = msgspec.json.Decoder(LimitsChange)


class LimitsDoor(Shared):
    """The requests about limits."""

    def __init__(self, security: Security, agent: Agent) -> None:
        self._security = security
        self._agent = agent

    async def get(self, request: AnyRequest) -> Response[bytes]:
        """Answer with the limits."""
        await self._security.caller(request)
        return json_response(_shown(await self._agent.limits()))

    async def change(self, request: AnyRequest) -> Response[bytes]:
        """Change what the body names."""
        caller = await self._security.caller(request)
        body = await read_json(request, _change)
        changes = {
            name: value
            for name, value in structs.asdict(body).items()
            if value is not UNSET
        }
        now = (await self._agent.limits()).limits
        wanted = structs.replace(now, **changes)
        return json_response(_shown(await self._agent.set_limits(wanted, caller.id)))


def _shown(told: Limits) -> LimitsStateBody:
    limits = LimitsBody(**{name: getattr(told.limits, name) for name in _NAMES})
    return LimitsStateBody(limits, [_NAMES[name] for name in told.fixed])


def limit_routes(security: Security, agent: Agent) -> list[Router]:
    """Return the handlers of /api/limits and /api/admin/limits."""
    door = LimitsDoor(security, agent)
    return [
        Router("/api/limits", route_handlers=[get("/", opt=GET.opt)(door.get)]),
        Router(
            "/api/admin/limits",
            route_handlers=[patch("/", opt=CHANGE.opt)(door.change)],
        ),
    ]
