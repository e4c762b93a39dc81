"""Signing in: bodies, codes and cookie of the Better Auth client, as its server has."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.backend import PASSWORD, Backend, new_email

COOKIE = "better-auth.session_token"
USER = {"id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt"}
SESSION = {
    *("id", "token", "userId", "ipAddress", "userAgent"),
    *("createdAt", "updatedAt", "expiresAt"),
}
WRONG = "wrong horse battery"
WEEK_S = 7 * 24 * 3600


class Visitor:
    """Somebody before the door, from an address of one's own."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.email = new_email()

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Call an endpoint below /api/auth."""
        return self.http.post(f"/api/auth/{path}", json=body, headers=headers)

    def sign_up(self, **changes: object) -> httpx.Response:
        """Ask for an account."""
        body = {"name": "Ada", "email": self.email, "password": PASSWORD}
        return self.post("sign-up/email", {**body, **changes})

    def sign_in(self, **changes: object) -> httpx.Response:
        """Sign in to it."""
        body = {"email": self.email, "password": PASSWORD}
        return self.post("sign-in/email", {**body, **changes})

    def sign_out(self) -> httpx.Response:
        """Sign out."""
        return self.post("sign-out", {})

    def session(self) -> Any:  # noqa: ANN401 - JSON
        """Return what get-session answers."""
        answer = self.http.get("/api/auth/get-session")
        assert answer.status_code == HTTPStatus.OK
        return answer.json()


@pytest.fixture
def visitor(backend: Backend) -> Iterator[Visitor]:
    """Somebody without an account."""
    address = f"10.0.{uuid4().int % 250}.{uuid4().int % 250}"
    with backend.client(**{"X-Forwarded-For": address}) as http:
        yield Visitor(http)


@pytest.fixture
def member(visitor: Visitor) -> Visitor:
    """Somebody with an account, signed out."""
    visitor.sign_up()
    visitor.sign_out()
    return visitor


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and message."""
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"code", "message"}
    return answer.status_code, body["code"], body["message"]


def test_signing_up_answers_with_token_and_user(visitor: Visitor) -> None:
    body = visitor.sign_up(email=visitor.email.upper(), image="http://x/a.png").json()
    assert set(body) == {"token", "user"}
    assert body["token"]
    user = body["user"]
    assert set(user) == USER
    assert user["email"] == visitor.email
    assert (user["name"], user["emailVerified"]) == ("Ada", False)
    assert user["image"] == "http://x/a.png"


def test_signing_up_signs_in(visitor: Visitor) -> None:
    user = visitor.sign_up().json()["user"]
    assert visitor.session()["user"] == user


def test_the_cookie_is_the_clients(visitor: Visitor) -> None:
    name, _, rest = visitor.sign_up().headers["set-cookie"].partition("=")
    value, *attributes = rest.split("; ")
    assert name == COOKIE
    assert len(value) == 43
    assert {one.lower() for one in attributes} == {
        *("httponly", f"max-age={WEEK_S}", "path=/", "samesite=lax")
    }


def test_what_bodies_call_token_does_not_open_the_session(visitor: Visitor) -> None:
    body = visitor.sign_up().json()
    cookie = visitor.http.cookies[COOKIE]
    shown = visitor.session()["session"]["token"]
    assert shown == body["token"] != cookie
    bearer = {"Authorization": f"Bearer {shown}", "Cookie": ""}
    answer = visitor.http.get("/api/projects", headers=bearer)
    assert answer.status_code == HTTPStatus.UNAUTHORIZED


def test_the_session_is_told_in_full(visitor: Visitor) -> None:
    user = visitor.sign_up().json()["user"]
    told = visitor.session()
    assert set(told) == {"session", "user"}
    session = told["session"]
    assert set(session) == SESSION
    assert session["userId"] == user["id"]
    assert session["ipAddress"] == visitor.http.headers["X-Forwarded-For"]
    assert session["userAgent"] == visitor.http.headers["User-Agent"]
    began = datetime.fromisoformat(session["createdAt"])
    ends = datetime.fromisoformat(session["expiresAt"])
    assert ends - began == timedelta(seconds=WEEK_S)


def test_whoever_is_signed_out_has_the_session_null(visitor: Visitor) -> None:
    answer = visitor.http.get("/api/auth/get-session")
    assert (answer.status_code, answer.text) == (HTTPStatus.OK, "null")


def test_signing_in_answers_with_token_and_user(member: Visitor) -> None:
    answer = member.sign_in()
    assert answer.status_code == HTTPStatus.OK
    body = answer.json()
    assert set(body) == {"redirect", "token", "url", "user"}
    assert (body["redirect"], body["url"]) == (False, None)
    assert set(body["user"]) == USER
    assert member.session()["user"] == body["user"]


def test_the_case_of_an_address_does_not_matter(member: Visitor) -> None:
    answer = member.sign_in(email=member.email.upper())
    assert answer.status_code == HTTPStatus.OK


def test_a_password_is_the_same_from_any_keyboard(visitor: Visitor) -> None:
    composed, decomposed = "caf\u00e9 caf\u00e9", "cafe\u0301 cafe\u0301"
    visitor.sign_up(password=composed)
    answer = visitor.sign_in(password=decomposed)
    assert answer.status_code == HTTPStatus.OK


def test_signing_in_rotates_the_token(member: Visitor) -> None:
    member.sign_in()
    before = member.http.cookies[COOKIE]
    member.sign_in()
    assert member.http.cookies[COOKIE] != before
    old = member.http.get(
        "/api/auth/get-session", headers={"Cookie": f"{COOKIE}={before}"}
    )
    assert old.json() is None


def test_a_token_that_the_client_chose_is_never_used(member: Visitor) -> None:
    member.http.cookies.set(COOKIE, "chosen-by-somebody")
    assert member.sign_in().cookies[COOKIE] != "chosen-by-somebody"


def test_signing_out_ends_the_session_and_removes_the_cookie(member: Visitor) -> None:
    member.sign_in()
    token = member.http.cookies[COOKIE]
    answer = member.sign_out()
    assert (answer.status_code, answer.json()) == (HTTPStatus.OK, {"success": True})
    assert COOKIE not in member.http.cookies
    header = {"Cookie": f"{COOKIE}={token}"}
    assert member.http.get("/api/auth/get-session", headers=header).json() is None
    assert member.http.get("/api/projects", headers=header).status_code == 401


def test_signing_out_needs_neither_session_nor_body(visitor: Visitor) -> None:
    answer = visitor.http.post("/api/auth/sign-out")
    assert (answer.status_code, answer.json()) == (HTTPStatus.OK, {"success": True})


def test_a_cookie_that_is_not_valid_any_more_is_removed(visitor: Visitor) -> None:
    header = {"Cookie": f"{COOKIE}=gone"}
    answer = visitor.http.get("/api/auth/get-session", headers=header)
    assert answer.json() is None
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_who_is_not_to_be_remembered_gets_a_cookie_of_the_browser_session(
    member: Visitor,
) -> None:
    answer = member.sign_in(rememberMe=False)
    assert "max-age" not in answer.headers["set-cookie"].lower()
    session = member.session()["session"]
    began = datetime.fromisoformat(session["createdAt"])
    assert datetime.fromisoformat(session["expiresAt"]) - began == timedelta(days=1)


def test_a_taken_address_is_422(member: Visitor) -> None:
    for email in (member.email, member.email.upper()):
        assert refusal(member.sign_up(email=email)) == (
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            "User already exists. Use another email.",
        )


def test_a_wrong_password_and_an_unknown_address_look_alike(member: Visitor) -> None:
    wrong = refusal(member.sign_in(password=WRONG))
    unknown = refusal(member.sign_in(email=new_email()))
    expected = (
        HTTPStatus.UNAUTHORIZED,
        "INVALID_EMAIL_OR_PASSWORD",
        "Invalid email or password",
    )
    assert wrong == unknown == expected


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("1234567", "PASSWORD_TOO_SHORT"),
        ("", "PASSWORD_TOO_SHORT"),
        ("x" * 129, "PASSWORD_TOO_LONG"),
    ],
)
def test_a_password_has_8_to_128_characters(
    visitor: Visitor, password: str, code: str
) -> None:
    status, told, _ = refusal(visitor.sign_up(password=password))
    assert (status, told) == (HTTPStatus.BAD_REQUEST, code)


@pytest.mark.parametrize("length", [8, 128])
def test_the_shortest_and_the_longest_password_work(
    visitor: Visitor, length: int
) -> None:
    answer = visitor.sign_up(password="é" * length)
    assert answer.status_code == HTTPStatus.OK


BAD_EMAILS = [
    *("", "a", "a@b", "@b.org", "a@", "a b@c.org", "a@b..org", ".a@b.org", "a@b.o"),
    *("a@b.org\n", "a@b.org\0", "ä@b.org", "a" * 250 + "@b.org", "<a@b.org>"),
]


@pytest.mark.parametrize("email", BAD_EMAILS)
def test_what_is_no_address_gets_no_account(visitor: Visitor, email: str) -> None:
    assert refusal(visitor.sign_up(email=email)) == (
        HTTPStatus.BAD_REQUEST,
        "VALIDATION_ERROR",
        "[body.email] Invalid email address",
    )


@pytest.mark.parametrize("email", BAD_EMAILS)
def test_what_is_no_address_signs_nobody_in(visitor: Visitor, email: str) -> None:
    assert refusal(visitor.sign_in(email=email)) == (
        HTTPStatus.BAD_REQUEST,
        "INVALID_EMAIL",
        "Invalid email",
    )


@pytest.mark.parametrize("endpoint", ["sign-up/email", "sign-in/email"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        *((b"{", "BAD_REQUEST"), (b"", "BAD_REQUEST"), (b"\xff", "BAD_REQUEST")),
        *((b"[]", "VALIDATION_ERROR"), (b"{}", "VALIDATION_ERROR")),
        (b'{"name": 1, "email": 2, "password": 3}', "VALIDATION_ERROR"),
        (b"[" * 10_000, "VALIDATION_ERROR"),
    ],
)
def test_a_body_that_does_not_fit_is_400(
    visitor: Visitor, endpoint: str, body: bytes, code: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = visitor.http.post(f"/api/auth/{endpoint}", content=body, headers=headers)
    status, told, _ = refusal(answer)
    assert (status, told) == (HTTPStatus.BAD_REQUEST, code)


@pytest.mark.parametrize("endpoint", ["sign-up/email", "sign-in/email"])
def test_a_form_is_415(visitor: Visitor, endpoint: str) -> None:
    form = {"name": "A", "email": visitor.email, "password": PASSWORD}
    status, code, _ = refusal(visitor.http.post(f"/api/auth/{endpoint}", data=form))
    expected = (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE")
    assert (status, code) == expected


def test_a_large_body_is_413(visitor: Visitor) -> None:
    status, _, _ = refusal(visitor.sign_up(more="x" * 300_000))
    assert status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize("field", ["name", "image"])
@pytest.mark.parametrize("value", ["a\0b", "x" * 501])
def test_what_cannot_be_stored_is_400(visitor: Visitor, field: str, value: str) -> None:
    status, code, _ = refusal(visitor.sign_up(**{field: value}))
    assert (status, code) == (HTTPStatus.BAD_REQUEST, "VALIDATION_ERROR")


@pytest.mark.parametrize("endpoint", ["sign-up/email", "sign-in/email", "sign-out"])
def test_another_site_signs_nobody_in_or_out(member: Visitor, endpoint: str) -> None:
    member.sign_in()
    body = {"name": "Eve", "email": member.email, "password": PASSWORD}
    answer = member.post(endpoint, body, Origin="http://evil.example")
    assert refusal(answer) == (
        HTTPStatus.FORBIDDEN,
        "INVALID_ORIGIN",
        "Invalid origin",
    )
    assert member.session() is not None


def test_signing_in_may_lead_to_a_path_of_ours(member: Visitor) -> None:
    body = member.sign_in(callbackURL="/projects?x=1").json()
    assert (body["redirect"], body["url"]) == (True, "/projects?x=1")


@pytest.mark.parametrize(
    "target",
    [
        *("http://evil.example", "//evil.example", "/\\evil.example", "evil"),
        *("javascript:alert(1)", "/\t/evil.example", ""),
    ],
)
def test_signing_in_leads_to_no_other_site(member: Visitor, target: str) -> None:
    status, code, _ = refusal(member.sign_in(callbackURL=target))
    assert (status, code) == (HTTPStatus.FORBIDDEN, "INVALID_CALLBACK_URL")


def test_too_many_failures_for_an_account_are_429(member: Visitor) -> None:
    # On a slow machine a failure is forgotten, after six seconds, while others come.
    failures = iter(lambda: member.sign_in(password=WRONG), None)
    answers = (member.sign_in() for _ in failures)
    answer = next(one for one in answers if one.status_code != HTTPStatus.OK)
    status, code, _ = refusal(answer)
    assert (status, code) == (HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS")
    assert int(answer.headers["retry-after"]) > 0


def test_who_fails_elsewhere_does_not_lock_me_out(
    backend: Backend, member: Visitor
) -> None:
    with backend.client(**{"X-Forwarded-For": "10.9.9.9"}) as elsewhere:
        thief = Visitor(elsewhere)
        for _ in range(12):
            thief.sign_in(email=member.email, password=WRONG)
    assert member.sign_in().status_code == HTTPStatus.OK


def test_signing_in_as_it_should_be_never_reaches_a_limit(member: Visitor) -> None:
    for _ in range(12):
        assert member.sign_in().status_code == HTTPStatus.OK


def test_two_browsers_have_two_sessions(backend: Backend, member: Visitor) -> None:
    member.sign_in()
    with backend.client() as http:
        other = Visitor(http)
        other.email = member.email
        other.sign_in()
        other.sign_out()
        assert other.session() is None
    assert member.session() is not None
