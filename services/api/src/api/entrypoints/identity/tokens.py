"""REST of API tokens: made by people who are signed in, for their programs."""

import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.application.identity.api_tokens import ApiTokens
from api.domain.account import digest
from api.domain.api_token import PREFIX, ApiToken, NewApiToken
from api.domain.scope import Needs, Scope
from api.entrypoints.http.body import json_response, read_json
from api.entrypoints.http.errors import AnyRequest, missing
from api.entrypoints.http.idempotency import new_id
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.parameters import id_in_path
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared

TokenName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\A[^\x00]*\Z")]


class NewToken(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Body of a POST; a misspelt field must not make a token that never expires."""

    name: TokenName
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=10)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    """None: it lives until it is revoked."""


class TokenBody(Struct, frozen=True, rename="camel"):
    """A token, without itself."""

    id: UUID
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""


class MadeToken(TokenBody, frozen=True, rename="camel", kw_only=True):
    """A new token: *token* is shown this once."""

    token: str


EXAMPLE = TokenBody(
    id=UUID("3e0f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d55"),
    name="CI",
    scopes=[Scope.PROJECTS_READ],
    created_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    expires_at=datetime(2099, 1, 1, tzinfo=UTC),
    last_used_at=None,
)
NOT_FOUND = "Token not found"

LIST = Operation(
    id="listTokens",
    tag="tokens",
    about="Your API tokens, the newest first",
    needs=Needs.SESSION,
    answer=list[TokenBody],
    example=[EXAMPLE],
)
CREATE = Operation(
    id="createToken",
    tag="tokens",
    about="Make an API token; it is shown in this answer and never again",
    needs=Needs.SESSION,
    body=NewToken,
    body_example=NewToken(EXAMPLE.name, EXAMPLE.scopes, EXAMPLE.expires_at),
    answer=MadeToken,
    example=MadeToken(
        **msgspec.structs.asdict(EXAMPLE),
        token="atl_" + "x" * 43,
    ),
)
REVOKE = Operation(
    id="revokeToken",
    tag="tokens",
    about="Revoke an API token at once",
    needs=Needs.SESSION,
    answer=bool,
    example=True,
    missing=NOT_FOUND,
)

_new_token = msgspec.json.Decoder(NewToken)


class TokenDoor(Shared):
    """The requests about tokens."""

    def __init__(self, security: Security, tokens: ApiTokens) -> None:
        self._security = security
        self._tokens = tokens

    async def list_all(self, request: AnyRequest) -> Response[bytes]:
        """Answer with the person's tokens."""
        caller = await self._security.caller(request)
        tokens = await self._tokens.all(caller.id)
        return json_response([TokenBody(**_shown(one)) for one in tokens])

    async def create(self, request: AnyRequest) -> Response[bytes]:
        """Make a token."""
        caller = await self._security.caller(request)
        body = await read_json(request, _new_token)
        token = PREFIX + secrets.token_urlsafe(32)
        made = await self._tokens.make(
            NewApiToken(
                id=new_id(request),
                account_id=caller.id,
                token_sha256=digest(token),
                name=body.name,
                scopes=sorted(set(body.scopes)),
                expires_at=body.expires_at,
            ),
            datetime.now(UTC),
        )
        return json_response(MadeToken(**_shown(made), token=token))

    async def revoke(
        self, request: AnyRequest, token_id: FromPath[str]
    ) -> Response[bytes]:
        """End a token."""
        caller = await self._security.caller(request)
        id_ = id_in_path(request, token_id)
        if not await self._tokens.revoke(caller.id, id_):
            raise missing(request)
        return json_response(payload=True)


def _shown(token: ApiToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenBody.__struct_fields__}


def token_routes(security: Security, tokens: ApiTokens) -> Router:
    """Return the handlers below /api/tokens."""
    door = TokenDoor(security, tokens)
    ok = HTTPStatus.OK
    return Router(
        "/api/tokens",
        route_handlers=[
            get("/", opt=LIST.opt)(door.list_all),
            post("/", status_code=ok, opt=CREATE.opt)(door.create),
            delete("/{token_id:str}", status_code=ok, opt=REVOKE.opt)(door.revoke),
        ],
    )
