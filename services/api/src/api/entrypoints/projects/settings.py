"""REST of a project's settings: models, limits and locked paths."""

from typing import Annotated

import msgspec
from litestar import Response, Router, get, patch
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from api.application.projects.settings import SettingsOfProjects
from api.domain.scope import Needs
from api.entrypoints.http.body import json_response, read_json
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.idempotency import command_id
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.parameters import id_in_path
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.resource import NOT_FOUND
from contracts.project import ModelNames, Money, Path, ProjectSettings


class SettingsBody(Struct, frozen=True, rename="camel"):
    """What a person has chosen for a project."""

    design_models: list[str]
    """Who plans and answers questions, the others where the first one cannot; empty:
    as the installation is configured."""
    write_models: list[str]
    """Who writes files; empty: as the installation is configured."""
    locked_paths: list[str]
    """Files that the agent must not change; with a slash at the end, whole folders."""
    max_run_cost_usd: float | None
    """Spend at which a run ends; null: as the installation is configured."""
    max_project_cost_usd: float | None
    """Spend of all runs at which no call is made any more."""
    max_run_tokens: int | None
    """Tokens, read and written, at which a run ends."""


class SettingsChange(Struct, frozen=True, rename="camel"):
    """Body of a PATCH; what it leaves out stays as it is."""

    design_models: ModelNames | UnsetType = UNSET
    write_models: ModelNames | UnsetType = UNSET
    locked_paths: Annotated[list[Path], Meta(max_length=200)] | UnsetType = UNSET
    max_run_cost_usd: Money | UnsetType | None = UNSET
    max_project_cost_usd: Money | UnsetType | None = UNSET
    max_run_tokens: Annotated[int, Meta(ge=1, le=10**12)] | UnsetType | None = UNSET


_EXAMPLE = SettingsBody(
    design_models=[],
    write_models=["example/writer", "example/other"],
    locked_paths=["LICENSE", "public/"],
    max_run_cost_usd=2.5,
    max_project_cost_usd=None,
    max_run_tokens=None,
)

GET = Operation(
    id="getSettings",
    tag="settings",
    about="A project's settings",
    needs=Needs.READ,
    answer=SettingsBody,
    example=_EXAMPLE,
    missing=NOT_FOUND,
)
CHANGE = Operation(
    id="changeSettings",
    tag="settings",
    about="Change a project's settings; a run that is under way follows them at its "
    "next call of a model",
    needs=Needs.WRITE,
    body=SettingsChange,
    body_example=SettingsChange(write_models=_EXAMPLE.write_models),
    answer=SettingsBody,
    example=_EXAMPLE,
    missing=NOT_FOUND,
)

_change = msgspec.json.Decoder(SettingsChange)


class SettingsDoor(Shared):
    """The requests about settings."""

    def __init__(self, security: Security, settings: SettingsOfProjects) -> None:
        self._security = security
        self._settings = settings

    async def get(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with the settings."""
        caller = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        return json_response(_shown(await self._settings.of(caller.id, id_)))

    async def change(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Change what the body names."""
        caller = await self._security.caller(request)
        id_ = id_in_path(request, project_id)
        body = await read_json(request, _change)
        changes = {
            name: value
            for name, value in structs.asdict(body).items()
            if value is not UNSET
        }
        command = command_id(request, caller.id, body)
        changed = await self._settings.change(caller.id, id_, command, changes)
        return json_response(_shown(changed))


def _shown(settings: ProjectSettings) -> SettingsBody:
    return SettingsBody(
        **{name: getattr(settings, name) for name in SettingsBody.__struct_fields__}
    )


def settings_routes(security: Security, settings: SettingsOfProjects) -> Router:
    """Return the handlers of /api/projects/:id/settings."""
    door = SettingsDoor(security, settings)
    return Router(
        "/api/projects/{project_id:str}/settings",
        route_handlers=[
            get("/", opt=GET.opt)(door.get),
            patch("/", opt=CHANGE.opt)(door.change),
        ],
    )
