"""REST for administrators: people, invitations, and whether anybody may sign up."""

import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath
from msgspec import Meta, Struct

from api.application.identity.administration import People
from api.application.identity.admission import Admissions
from api.domain.account import MAX_EMAIL_CHARS, Account, digest, normal_email
from api.domain.admission import Invitation, NewInvitation, SignUp
from api.domain.scope import Needs
from api.entrypoints.http.body import json_response, read_json
from api.entrypoints.http.errors import AnyRequest, HttpError, missing
from api.entrypoints.http.idempotency import new_id
from api.entrypoints.http.operation import Operation, Parameter
from api.entrypoints.http.parameters import id_in_path
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from eventcore.errors import Rejected


class PersonBody(Struct, frozen=True, rename="camel"):
    """Somebody with an account."""

    id: UUID
    name: str
    email: str
    is_administrator: bool
    disabled: bool
    has_password: bool
    """False: signs in elsewhere."""
    created_at: datetime


class PersonChange(Struct, frozen=True, rename="camel"):
    """Body of a PATCH; what it leaves out stays as it is."""

    disabled: bool | None = None
    is_administrator: bool | None = None


class SignUpChange(Struct, frozen=True, rename="camel"):
    """Body of a PATCH."""

    sign_up: SignUp


class SignUpStateBody(Struct, frozen=True, rename="camel"):
    """Whether anybody may sign up."""

    sign_up: SignUp
    is_fixed: bool
    """SIGN_UP says so where Atelier was started, and this cannot be changed here."""


class NewInvite(Struct, frozen=True):
    """Body of a POST; without an address anybody may use the invitation, once."""

    email: Annotated[str, Meta(max_length=MAX_EMAIL_CHARS)] | None = None


class InvitationBody(Struct, frozen=True, rename="camel"):
    """An invitation, without its code."""

    id: UUID
    email: str | None
    created_at: datetime
    expires_at: datetime


class MadeInvitation(InvitationBody, frozen=True, rename="camel", kw_only=True):
    """A new invitation: *code* is shown this once, and goes into the sign-up."""

    code: str


PERSON = PersonBody(
    id=UUID("7f9a2e6a-6c0b-4f3e-9a53-1c7d6b1f1d22"),
    name="Ada",
    email="ada@example.org",
    is_administrator=False,
    disabled=False,
    has_password=True,
    created_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
)
INVITATION = InvitationBody(
    id=UUID("4b0f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d66"),
    email=None,
    created_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    expires_at=datetime(2026, 1, 8, 12, tzinfo=UTC),
)
_AFTER = Parameter(
    "after", "The id of the last person of the page before", {"format": "uuid"}
)

USERS = Operation(
    id="listUsers",
    tag="administration",
    about="Everybody with an account, 200 at a time, in the order of their ids",
    needs=Needs.ADMINISTRATOR,
    query=(_AFTER,),
    answer=list[PersonBody],
    example=[PERSON],
)
CHANGE_USER = Operation(
    id="changeUser",
    tag="administration",
    about="Disable somebody, which signs them out, or make them an administrator",
    needs=Needs.ADMINISTRATOR,
    body=PersonChange,
    body_example=PersonChange(disabled=True),
    answer=PersonBody,
    example=msgspec.structs.replace(PERSON, disabled=True),
    errors=(HTTPStatus.CONFLICT,),
    missing="User not found",
)
SIGN_UP = Operation(
    id="getSignUp",
    tag="administration",
    about="Whether anybody may sign up",
    needs=Needs.ADMINISTRATOR,
    answer=SignUpStateBody,
    example=SignUpStateBody(SignUp.OPEN, is_fixed=False),
)
SET_SIGN_UP = Operation(
    id="setSignUp",
    tag="administration",
    about="Open or close sign-up, or have it need an invitation",
    needs=Needs.ADMINISTRATOR,
    body=SignUpChange,
    body_example=SignUpChange(SignUp.INVITE),
    answer=SignUpStateBody,
    example=SignUpStateBody(SignUp.INVITE, is_fixed=False),
    errors=(HTTPStatus.CONFLICT,),
)
INVITATIONS = Operation(
    id="listInvitations",
    tag="administration",
    about="Invitations that can still be used, the newest first",
    needs=Needs.ADMINISTRATOR,
    answer=list[InvitationBody],
    example=[INVITATION],
)
INVITE = Operation(
    id="createInvitation",
    tag="administration",
    about="Invite one person; the code is shown in this answer and never again",
    needs=Needs.ADMINISTRATOR,
    body=NewInvite,
    body_example=NewInvite(),
    answer=MadeInvitation,
    example=MadeInvitation(**msgspec.structs.asdict(INVITATION), code="x" * 32),
    errors=(HTTPStatus.CONFLICT,),
)
WITHDRAW = Operation(
    id="deleteInvitation",
    tag="administration",
    about="Withdraw an invitation",
    needs=Needs.ADMINISTRATOR,
    answer=bool,
    example=True,
    missing="Invitation not found",
)

_person_change = msgspec.json.Decoder(PersonChange)
_sign_up_change = msgspec.json.Decoder(SignUpChange)
_new_invite = msgspec.json.Decoder(NewInvite)


class AdministrationDoor(Shared):
    """The requests of administrators."""

    def __init__(
        self, security: Security, admissions: Admissions, people: People
    ) -> None:
        self._security = security
        self._admissions = admissions
        self._people = people

    async def users(self, request: AnyRequest) -> Response[bytes]:
        """Answer with a page of people."""
        caller = await self._security.caller(request)
        after = request.query_params.get("after")
        users = await self._admissions.users(
            caller.id, _id(after) if after is not None else None
        )
        return json_response([_person(one) for one in users])

    async def change_user(
        self, request: AnyRequest, user_id: FromPath[str]
    ) -> Response[bytes]:
        """Disable somebody, or make an administrator."""
        caller = await self._security.caller(request)
        id_ = id_in_path(request, user_id)
        body = await read_json(request, _person_change)
        changed = await self._people.change(
            caller.id,
            id_,
            disabled=body.disabled,
            is_administrator=body.is_administrator,
        )
        if changed is None:
            raise missing(request)
        return json_response(_person(changed))

    async def sign_up(self, request: AnyRequest) -> Response[bytes]:
        """Answer how sign-up stands."""
        await self._security.caller(request)
        setting = await self._admissions.setting()
        return json_response(SignUpStateBody(setting.sign_up, setting.is_fixed))

    async def set_sign_up(self, request: AnyRequest) -> Response[bytes]:
        """Open or close it."""
        caller = await self._security.caller(request)
        body = await read_json(request, _sign_up_change)
        setting = await self._admissions.choose(caller.id, body.sign_up)
        return json_response(SignUpStateBody(setting.sign_up, setting.is_fixed))

    async def invitations(self, request: AnyRequest) -> Response[bytes]:
        """Answer with the invitations."""
        caller = await self._security.caller(request)
        found = await self._admissions.invitations(caller.id)
        return json_response([InvitationBody(**_shown(one)) for one in found])

    async def invite(self, request: AnyRequest) -> Response[bytes]:
        """Make an invitation."""
        caller = await self._security.caller(request)
        body = await read_json(request, _new_invite)
        code = secrets.token_urlsafe(24)
        email = _address(body.email) if body.email is not None else None
        invitation = NewInvitation(new_id(request), digest(code), email, caller.id)
        made = await self._admissions.invite(invitation)
        return json_response(MadeInvitation(**_shown(made), code=code))

    async def withdraw(
        self, request: AnyRequest, invitation_id: FromPath[str]
    ) -> Response[bytes]:
        """End an invitation."""
        caller = await self._security.caller(request)
        id_ = id_in_path(request, invitation_id)
        if not await self._admissions.withdraw(caller.id, id_):
            raise missing(request)
        return json_response(payload=True)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        reason = "The parameter after must be an id"
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason) from error


def _address(text: str) -> str:
    try:
        return normal_email(text)
    except Rejected as error:
        reason = "The email is not an address"
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason) from error


def _person(account: Account) -> PersonBody:
    return PersonBody(
        id=account.id,
        name=account.name,
        email=account.email,
        is_administrator=account.is_administrator,
        disabled=account.disabled_at is not None,
        has_password=account.password_hash is not None,
        created_at=account.created_at,
    )


def _shown(invitation: Invitation) -> dict[str, Any]:
    names = InvitationBody.__struct_fields__
    return {name: getattr(invitation, name) for name in names}


def administration_routes(
    security: Security, admissions: Admissions, people: People
) -> Router:
    """Return the handlers below /api/admin."""
    door = AdministrationDoor(security, admissions, people)
    ok = HTTPStatus.OK
    return Router(
        "/api/admin",
        route_handlers=[
            get("/users", opt=USERS.opt)(door.users),
            patch("/users/{user_id:str}", opt=CHANGE_USER.opt)(door.change_user),
            get("/sign-up", opt=SIGN_UP.opt)(door.sign_up),
            patch("/sign-up", opt=SET_SIGN_UP.opt)(door.set_sign_up),
            get("/invitations", opt=INVITATIONS.opt)(door.invitations),
            post("/invitations", status_code=ok, opt=INVITE.opt)(door.invite),
            delete(
                "/invitations/{invitation_id:str}", status_code=ok, opt=WITHDRAW.opt
            )(door.withdraw),
        ],
    )
