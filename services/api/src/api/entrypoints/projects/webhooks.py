"""REST of webhooks: addresses that are told of a project's events."""

import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.application.delivery.delivering import CONTEXT
from api.domain.scope import Needs
from api.domain.webhook import (
    MAX_URL_CHARS,
    SECRET_BYTES,
    Delivery,
    NewWebhook,
    Webhook,
    checked_url,
    shown_secret,
)
from api.entrypoints.http.body import json_response, read_json
from api.entrypoints.http.errors import AnyRequest, HttpError, missing
from api.entrypoints.http.idempotency import new_id
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.parameters import id_in_path
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.entrypoints.projects.own import OwnProjects
from api.entrypoints.projects.resource import NOT_FOUND as NO_PROJECT
from api.ports import Seal, Webhooks
from contracts import public

EventType = Literal[public.RECORDED_TYPES]  # type: ignore[valid-type]
Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_URL_CHARS,
        pattern=r"\Ahttps?://[!-~]+\Z",
        extra_json_schema={"format": "uri"},
    ),
]
Types = Annotated[list[EventType], Meta(min_length=1, max_length=100)]


class NewHook(Struct, frozen=True):
    """Body of a POST."""

    url: Url
    events: Types


class HookChange(Struct, frozen=True):
    """Body of a PATCH; what it leaves out stays as it is."""

    url: Url | None = None
    events: Types | None = None
    enabled: bool | None = None


class HookBody(Struct, frozen=True, rename="camel"):
    """A webhook, without its secret."""

    id: UUID
    project_id: UUID
    url: str
    events: list[str]
    enabled: bool
    created_at: datetime
    updated_at: datetime


class MadeHook(HookBody, frozen=True, rename="camel", kw_only=True):
    """A new webhook: *secret*, with which calls are signed, is shown this once."""

    secret: str


class DeliveryBody(Struct, frozen=True, rename="camel"):
    """An event on its way, and how that went."""

    id: UUID
    webhook_id: UUID
    seq: int
    type: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    due_at: datetime
    created_at: datetime
    tried_at: datetime | None
    last_status: int | None
    last_error: str | None


_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EXAMPLE = HookBody(
    id=UUID("6d0f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d77"),
    project_id=UUID("0d4f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d11"),
    url="https://example.org/atelier",
    events=["generation_complete", "generation_error"],
    enabled=True,
    created_at=_NOON,
    updated_at=_NOON,
)
DELIVERY = DeliveryBody(
    id=UUID("8e0f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d88"),
    webhook_id=EXAMPLE.id,
    seq=42,
    type="generation_complete",
    state="delivered",
    attempts=1,
    due_at=_NOON,
    created_at=_NOON,
    tried_at=_NOON,
    last_status=204,
    last_error=None,
)
NO_WEBHOOK = "Webhook not found"

LIST = Operation(
    id="listWebhooks",
    tag="webhooks",
    about="A project's webhooks, the oldest first",
    needs=Needs.READ,
    answer=list[HookBody],
    example=[EXAMPLE],
    missing=NO_PROJECT,
)
CREATE = Operation(
    id="createWebhook",
    tag="webhooks",
    about="Have an address told of events that are recorded from now on",
    needs=Needs.WRITE,
    body=NewHook,
    body_example=NewHook(EXAMPLE.url, EXAMPLE.events),
    answer=MadeHook,
    example=MadeHook(**msgspec.structs.asdict(EXAMPLE), secret="whsec_" + "x" * 44),
    errors=(HTTPStatus.CONFLICT,),
    missing=NO_PROJECT,
)
CHANGE = Operation(
    id="changeWebhook",
    tag="webhooks",
    about="Change a webhook, or have it pause: what happens meanwhile is not queued",
    needs=Needs.WRITE,
    body=HookChange,
    body_example=HookChange(enabled=False),
    answer=HookBody,
    example=msgspec.structs.replace(EXAMPLE, enabled=False),
    missing=NO_WEBHOOK,
)
REMOVE = Operation(
    id="deleteWebhook",
    tag="webhooks",
    about="Remove a webhook with its log",
    needs=Needs.WRITE,
    answer=bool,
    example=True,
    missing=NO_WEBHOOK,
)
DELIVERIES = Operation(
    id="listDeliveries",
    tag="webhooks",
    about="The last 100 deliveries of a webhook, the newest first, kept for a week",
    needs=Needs.READ,
    answer=list[DeliveryBody],
    example=[DELIVERY],
    missing=NO_WEBHOOK,
)
AGAIN = Operation(
    id="redeliver",
    tag="webhooks",
    about="Make a delivery once more, at once",
    needs=Needs.WRITE,
    answer=DeliveryBody,
    example=msgspec.structs.replace(DELIVERY, state="pending", attempts=0),
    missing="Delivery not found",
)

_new_hook = msgspec.json.Decoder(NewHook)
_change = msgspec.json.Decoder(HookChange)


class WebhookDoor(Shared):
    """The requests about webhooks."""

    def __init__(
        self, security: Security, own: OwnProjects, webhooks: Webhooks, seal: Seal
    ) -> None:
        self._security = security
        self._own = own
        self._webhooks = webhooks
        self._seal = seal

    async def list_all(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with the project's webhooks."""
        caller, id_ = await self._own.id(request, project_id)
        found = await self._webhooks.all(caller.id, id_)
        return json_response([_hook(one) for one in found])

    async def create(
        self, request: AnyRequest, project_id: FromPath[str]
    ) -> Response[bytes]:
        """Make a webhook."""
        caller, id_ = await self._own.id(request, project_id)
        body = await read_json(request, _new_hook)
        secret = secrets.token_bytes(SECRET_BYTES)
        made = await self._webhooks.add(
            NewWebhook(
                id=new_id(request),
                project_id=id_,
                user_id=caller.id,
                url=checked_url(body.url),
                events=sorted(set(body.events)),
                secret=self._seal.close(secret, CONTEXT),
            )
        )
        if made is None:
            reason = "This project has as many webhooks as it may"
            raise HttpError(HTTPStatus.CONFLICT, reason)
        shown = msgspec.structs.asdict(_hook(made))
        return json_response(MadeHook(**shown, secret=shown_secret(secret)))

    async def change(
        self, request: AnyRequest, project_id: FromPath[str], webhook_id: FromPath[str]
    ) -> Response[bytes]:
        """Change a webhook."""
        caller = await self._security.caller(request)
        place = (id_in_path(request, project_id), id_in_path(request, webhook_id))
        body = await read_json(request, _change)
        changed = await self._webhooks.change(
            *(caller.id, place),
            url=checked_url(body.url) if body.url is not None else None,
            events=sorted(set(body.events)) if body.events is not None else None,
            enabled=body.enabled,
        )
        if changed is None:
            raise missing(request)
        return json_response(_hook(changed))

    async def remove(
        self, request: AnyRequest, project_id: FromPath[str], webhook_id: FromPath[str]
    ) -> Response[bytes]:
        """Remove a webhook."""
        caller = await self._security.caller(request)
        place = (id_in_path(request, project_id), id_in_path(request, webhook_id))
        if not await self._webhooks.remove(caller.id, place):
            raise missing(request)
        return json_response(payload=True)

    async def deliveries(
        self, request: AnyRequest, project_id: FromPath[str], webhook_id: FromPath[str]
    ) -> Response[bytes]:
        """Answer with the log."""
        caller = await self._security.caller(request)
        place = (id_in_path(request, project_id), id_in_path(request, webhook_id))
        found = await self._webhooks.deliveries(caller.id, place)
        if found is None:
            raise missing(request)
        return json_response([_delivery(one) for one in found])

    async def again(
        self,
        request: AnyRequest,
        project_id: FromPath[str],
        webhook_id: FromPath[str],
        delivery_id: FromPath[str],
    ) -> Response[bytes]:
        """Make a delivery due."""
        caller = await self._security.caller(request)
        place = (id_in_path(request, project_id), id_in_path(request, webhook_id))
        id_ = id_in_path(request, delivery_id)
        found = await self._webhooks.try_again(caller.id, place, id_)
        if found is None:
            raise missing(request)
        return json_response(_delivery(found))


def _hook(webhook: Webhook) -> HookBody:
    return HookBody(**msgspec.structs.asdict(webhook))


def _delivery(delivery: Delivery) -> DeliveryBody:
    return DeliveryBody(**msgspec.structs.asdict(delivery))


def webhook_routes(
    security: Security, own: OwnProjects, webhooks: Webhooks, seal: Seal
) -> Router:
    """Return the handlers below /api/projects/:id/webhooks."""
    door = WebhookDoor(security, own, webhooks, seal)
    ok = HTTPStatus.OK
    one = "/{webhook_id:str}"
    log = f"{one}/deliveries"
    return Router(
        "/api/projects/{project_id:str}/webhooks",
        route_handlers=[
            get("/", opt=LIST.opt)(door.list_all),
            post("/", status_code=ok, opt=CREATE.opt)(door.create),
            patch(one, opt=CHANGE.opt)(door.change),
            delete(one, status_code=ok, opt=REMOVE.opt)(door.remove),
            get(log, opt=DELIVERIES.opt)(door.deliveries),
            post(f"{log}/{{delivery_id:str}}", status_code=ok, opt=AGAIN.opt)(
                door.again
            ),
        ],
    )
