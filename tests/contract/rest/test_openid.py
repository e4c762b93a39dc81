"""Signing in elsewhere: a flow with an issuer over HTTP, and ways to forge it."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from msgspec.json import encode

from tests.support.backend import PASSWORD, Backend, backend_of, new_email
from tests.support.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, issuer
from tests.support.servers import PostgresServer, server_folder

CALLBACK = "/api/auth/callback/oidc"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Issuer]:
    with issuer() as started:
        yield started


@pytest.fixture(scope="module")
def trusting(elsewhere: Issuer, postgres_server: PostgresServer) -> Iterator[Backend]:
    """An api that believes the issuer."""
    with (
        server_folder() as folder,
        backend_of(
            folder,
            postgres_server,
            OIDC_ISSUER=elsewhere.url,
            OIDC_CLIENT_ID=CLIENT_ID,
            OIDC_CLIENT_SECRET=CLIENT_SECRET,
            OIDC_NAME="Example",
            SECRET_KEY="the same for all of them",  # noqa: S106 - an example
        ) as started,
    ):
        yield started


@pytest.fixture
def browser(trusting: Backend, elsewhere: Issuer) -> Iterator[httpx.Client]:
    """Somebody whom the issuer knows and we do not."""
    elsewhere.person = {
        "sub": uuid4().hex,
        "email": new_email(),
        "email_verified": True,
        "name": "Grace",
    }
    elsewhere.claims, elsewhere.signs_with_another_key = {}, False
    elsewhere.said = None
    with trusting.client() as http:
        yield http


def sent(browser: httpx.Client, path: str = "sign-in/social", **more: str) -> str:
    """Return where the browser is sent."""
    body = {"provider": "oidc", **more}
    answer = browser.post(f"/api/auth/{path}", json=body)
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert answer.json()["redirect"] is True
    url: str = answer.json()["url"]
    return url


def back(browser: httpx.Client, **query: str) -> str:
    """Return where the browser is sent on to."""
    answer = browser.get(CALLBACK, params=query)
    assert answer.status_code == HTTPStatus.FOUND, answer.text
    return answer.headers["location"]


def through(browser: httpx.Client, elsewhere: Issuer, **more: str) -> str:
    state, code = elsewhere.grant(sent(browser, **more))
    return back(browser, state=state, code=code)


def who(browser: httpx.Client) -> Any:  # noqa: ANN401 - JSON
    return (browser.get("/api/auth/get-session").json() or {}).get("user")


def test_somebody_new_comes_in_and_back_again(
    trusting: Backend, browser: httpx.Client, elsewhere: Issuer
) -> None:
    assert through(browser, elsewhere, callbackURL="/projects") == "/projects"
    user = who(browser)
    assert user["email"] == elsewhere.person["email"]
    assert (user["name"], user["emailVerified"]) == ("Grace", True)
    with trusting.client() as another:
        through(another, elsewhere)
        assert who(another)["id"] == user["id"]


def test_somebody_new_may_come_in_by_several_tabs_at_once(
    trusting: Backend, browser: httpx.Client, elsewhere: Issuer
) -> None:
    def come(_: int) -> str:
        with trusting.client() as tab:
            through(tab, elsewhere)
            return str(who(tab)["id"])

    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(come, range(8)))
    through(browser, elsewhere)
    assert ids == {who(browser)["id"]}


def test_the_request_is_what_the_issuer_wants(
    browser: httpx.Client, elsewhere: Issuer
) -> None:
    url = urlsplit(sent(browser))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{elsewhere.url}/authorize"
    assert (query["response_type"], query["client_id"]) == ("code", CLIENT_ID)
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"] == f"http://localhost:3000{CALLBACK}"
    assert "openid" in query["scope"].split()
    assert query["state"] != query["nonce"]


FORGED = [
    *({"iss": "http://evil.example"}, {"aud": "another"}, {"aud": None}),
    *({"nonce": "another"}, {"nonce": None}, {"exp": int(time.time()) - 600}),
    *({"exp": None}, {"sub": None}, {"azp": "another"}, {"iat": None}),
    {"aud": [CLIENT_ID, "another"]},
]


@pytest.mark.parametrize("claims", FORGED)
def test_an_id_token_that_is_not_good_lets_nobody_in(
    browser: httpx.Client, elsewhere: Issuer, claims: dict[str, Any]
) -> None:
    elsewhere.claims = claims
    assert through(browser, elsewhere) == "/sign-in?error=OIDC_REFUSED"
    assert who(browser) is None


def test_a_signature_of_another_key_lets_nobody_in(
    browser: httpx.Client, elsewhere: Issuer
) -> None:
    elsewhere.signs_with_another_key = True
    assert through(browser, elsewhere) == "/sign-in?error=OIDC_REFUSED"
    assert who(browser) is None


def test_a_browser_that_was_not_sent_by_us_is_not_let_in(
    trusting: Backend, browser: httpx.Client, elsewhere: Issuer
) -> None:
    state, code = elsewhere.grant(sent(browser))
    with trusting.client() as victim:
        location = back(victim, state=state, code=code)
        assert location == "/sign-in?error=STATE_MISMATCH"
        sent(victim)
        assert back(victim, state=state, code=code) == location
        assert who(victim) is None


def test_a_flow_is_for_one_time(browser: httpx.Client, elsewhere: Issuer) -> None:
    state, code = elsewhere.grant(sent(browser))
    back(browser, state=state, code=code)
    location = back(browser, state=state, code=code)
    assert location == "/sign-in?error=STATE_MISMATCH"


def forged(algorithm: str, key: OctKey | None) -> dict[str, str]:
    """Return a token that anybody can make who knows the name of the issuer."""
    header, claims = {"alg": algorithm}, {"sub": "admin", "exp": 1 << 40}
    if key is None:
        text = b".".join(urlsafe_b64encode(encode(part)) for part in (header, claims))
        return {"id_token": text.decode().replace("=", "") + "."}
    return {"id_token": jwt.encode(header, claims, key, algorithms=[algorithm])}


@pytest.mark.parametrize(
    ("said", "error"),
    [
        *(((503, {}), "ISSUER_UNAVAILABLE"), ((500, "x"), "ISSUER_UNAVAILABLE")),
        *(((400, {}), "OIDC_REFUSED"), ((200, []), "OIDC_REFUSED")),
        *(((200, {"id_token": "a.b.c"}), "OIDC_REFUSED"),),
        ((302, {}), "OIDC_REFUSED"),
        ((200, forged("none", None)), "OIDC_REFUSED"),
        ((200, forged("HS256", OctKey.import_key(CLIENT_SECRET))), "OIDC_REFUSED"),
    ],
)
def test_an_issuer_that_gives_no_good_token_lets_nobody_in(
    browser: httpx.Client, elsewhere: Issuer, said: tuple[int, Any], error: str
) -> None:
    elsewhere.said = said
    assert through(browser, elsewhere) == f"/sign-in?error={error}"
    assert who(browser) is None


ODD = [
    *({"exp": "abc"}, {"iat": []}, {"nonce": {}}, {"sub": 5}, {"sub": "a\0b"}),
    *({"sub": "x" * 300}, {"sub": ""}, {"name": 5}, {"email": 7}, {"email": "x"}),
    *({"email": "a\0@example.org"}, {"picture": {}}, {"aud": {}}, {"exp": 1e400}),
]


@pytest.mark.parametrize("claims", ODD)
def test_an_odd_claim_is_no_fault_of_ours(
    browser: httpx.Client, elsewhere: Issuer, claims: dict[str, Any]
) -> None:
    elsewhere.claims = claims
    assert through(browser, elsewhere).startswith("/sign-in?error=")
    assert who(browser) is None


@pytest.mark.parametrize("text", ["a\0b", "é", "x" * 5000])
def test_what_an_issuer_says_of_somebody_is_kept_as_far_as_it_can_be(
    browser: httpx.Client, elsewhere: Issuer, text: str
) -> None:
    elsewhere.claims = {"name": text, "picture": text}
    assert through(browser, elsewhere) == "/"
    assert who(browser)["email"] == elsewhere.person["email"]


@pytest.mark.parametrize("target", ["/Aufträge?a=1#b", "/%C3%A4%20b", "/пример"])
def test_the_browser_is_sent_on_to_any_path_of_ours(
    browser: httpx.Client, elsewhere: Issuer, target: str
) -> None:
    location = through(browser, elsewhere, callbackURL=target)
    assert unquote(location) == unquote(target)


def test_a_path_that_no_browser_would_keep_is_refused(browser: httpx.Client) -> None:
    body = {"provider": "oidc", "callbackURL": "/" + "x" * 3000}
    answer = browser.post("/api/auth/sign-in/social", json=body)
    assert answer.json()["code"] == "INVALID_CALLBACK_URL"


@pytest.mark.parametrize(
    "query", [{}, {"state": "x"}, {"error": "access_denied"}, {"code": "é" * 999}]
)
def test_whatever_comes_back_the_browser_is_sent_on(
    browser: httpx.Client, query: dict[str, str]
) -> None:
    sent(browser)
    assert back(browser, **query).startswith("/sign-in?error=")
    assert who(browser) is None


def test_an_address_that_is_not_verified_makes_no_account(
    browser: httpx.Client, elsewhere: Issuer
) -> None:
    elsewhere.person["email_verified"] = False
    assert through(browser, elsewhere) == "/sign-in?error=EMAIL_NOT_VERIFIED"


def test_an_account_with_the_same_address_is_linked_by_its_person_alone(
    trusting: Backend, browser: httpx.Client, elsewhere: Issuer
) -> None:
    with trusting.person() as ada:
        elsewhere.person["email"] = who(ada)["email"]
        assert through(browser, elsewhere) == "/sign-in?error=ACCOUNT_NOT_LINKED"
        assert who(browser) is None
        state, code = elsewhere.grant(sent(ada, "link-social", callbackURL="/me"))
        assert back(ada, state=state, code=code) == "/me"
        through(browser, elsewhere)
        assert who(browser) == who(ada)


def test_a_login_is_added_only_to_the_account_that_is_signed_in(
    trusting: Backend, browser: httpx.Client, elsewhere: Issuer
) -> None:
    """Somebody's own flow, planted in the browser of a victim, links nothing."""
    with trusting.person() as eve, trusting.person() as victim:
        state, code = elsewhere.grant(sent(eve, "link-social"))
        planted = eve.cookies["atelier.oidc"]
        for one in (browser, victim):
            one.cookies.set("atelier.oidc", planted)
            location = back(one, state=state, code=code)
            assert location == "/sign-in?error=STATE_MISMATCH"
    with trusting.client() as anew:
        through(anew, elsewhere)
        assert who(anew)["email"] == elsewhere.person["email"]


def test_a_login_belongs_to_one_account(
    trusting: Backend, browser: httpx.Client, elsewhere: Issuer
) -> None:
    through(browser, elsewhere)
    with trusting.person() as ada:
        state, code = elsewhere.grant(sent(ada, "link-social"))
        location = back(ada, state=state, code=code)
    assert location == "/sign-in?error=ALREADY_LINKED"


def test_who_signs_in_elsewhere_has_no_password(
    browser: httpx.Client, elsewhere: Issuer
) -> None:
    through(browser, elsewhere)
    email = who(browser)["email"]
    body = {"email": email, "password": PASSWORD}
    answer = browser.post("/api/auth/sign-in/email", json=body)
    assert answer.json()["code"] == "INVALID_EMAIL_OR_PASSWORD"


def test_signing_in_elsewhere_leads_to_no_other_site(browser: httpx.Client) -> None:
    body = {"provider": "oidc", "callbackURL": "//evil.example"}
    answer = browser.post("/api/auth/sign-in/social", json=body)
    assert answer.status_code == HTTPStatus.FORBIDDEN


def test_the_page_knows_whether_there_is_an_issuer(
    trusting: Backend, backend: Backend
) -> None:
    with trusting.client() as one, backend.client() as other:
        assert one.get("/api/config").json()["signInElsewhere"] == "Example"
        assert other.get("/api/config").json()["signInElsewhere"] is None
        answer = other.post("/api/auth/sign-in/social", json={"provider": "oidc"})
    assert (answer.status_code, answer.json()["code"]) == (404, "PROVIDER_NOT_FOUND")
