"""Signing in elsewhere, with a certified server of OpenID Connect as a process."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit
from uuid import uuid4

import httpx
import pytest
from typing_extensions import override

from standalone.ports import free_port
from standalone.program import Program
from tests.support import npm
from tests.support.backend import Backend, backend_of
from tests.support.issuer import CLIENT_ID, CLIENT_SECRET
from tests.support.loopback import answers
from tests.support.servers import PostgresServer, Server, server_folder

SCRIPT = Path(npm.ROOT / "tests/support/openid_provider.mjs")
CALLBACK = "/api/auth/callback/oidc"
OURS = f"http://localhost:3000{CALLBACK}"
MANY = 12


class Provider(Server):
    """The npm package `oidc-provider`, which knows us as a client."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        # Beside the packages, because that is where node looks for what it imports.
        script = shutil.copy(SCRIPT, npm.installed() / SCRIPT.name)
        environment = {
            "ISSUER": self.url,
            "PORT": str(port),
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": CLIENT_SECRET,
            "REDIRECT_URI": OURS,
        }
        program = Program(
            name="openid-provider",
            argv=(str(npm.NODE), str(script)),
            env={**npm.node_environ(), **environment},
        )
        super().__init__(program, folder)

    @override
    def is_ready(self) -> bool:
        return answers(f"{self.url}/.well-known/openid-configuration")


@pytest.fixture(scope="module")
def trusting(postgres_server: PostgresServer) -> Iterator[Backend]:
    """An api that believes the provider."""
    with ExitStack() as stack:
        folder = stack.enter_context(server_folder())
        provider = stack.enter_context(Provider(folder))
        yield stack.enter_context(
            backend_of(
                folder,
                postgres_server,
                OIDC_ISSUER=provider.url,
                OIDC_CLIENT_ID=CLIENT_ID,
                OIDC_CLIENT_SECRET=CLIENT_SECRET,
                SECRET_KEY="the same for all of them",  # noqa: S106 - an example
            )
        )


def granted(url: str, name: str) -> dict[str, str]:
    """Go through the provider's pages as a person, and return what it sends us."""
    with httpx.Client(timeout=30, trust_env=False) as browser:
        answer = browser.get(url)
        for _ in range(MANY):
            if answer.has_redirect_location:
                url = urljoin(url, answer.headers["location"])
                if url.startswith(OURS):
                    return dict(parse_qsl(urlsplit(url).query))
                answer = browser.get(url)
                continue
            assert answer.status_code == HTTPStatus.OK, answer.text
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert prompt, answer.text
            form = {"prompt": prompt[1], "login": name, "password": "x"}
            answer = browser.post(url, data=form)
    raise AssertionError(f"it does not end: {url}")


def let_in(browser: httpx.Client, name: str) -> httpx.Response:
    begun = browser.post("/api/auth/sign-in/social", json={"provider": "oidc"})
    return browser.get(CALLBACK, params=granted(begun.json()["url"], name))


def test_somebody_comes_in_through_a_certified_server_and_back_again(
    trusting: Backend,
) -> None:
    name, users = f"grace-{uuid4().hex}", []
    for _ in range(2):
        with trusting.client() as browser:
            answer = let_in(browser, name)
            assert answer.headers["location"] == "/"
            users.append(browser.get("/api/auth/get-session").json()["user"])
    assert users[0] == users[1]
    assert users[0]["email"] == f"{name}@example.org"
    assert (users[0]["name"], users[0]["emailVerified"]) == ("Grace", True)


def test_its_code_is_good_once_and_for_the_browser_that_asked(
    trusting: Backend,
) -> None:
    with trusting.client() as browser, trusting.client() as thief:
        begun = browser.post("/api/auth/sign-in/social", json={"provider": "oidc"})
        query = granted(begun.json()["url"], "ada")
        stolen = thief.get(CALLBACK, params=query)
        own = browser.get(CALLBACK, params=query)
        again = browser.get(CALLBACK, params=query)
        assert thief.get("/api/auth/get-session").json() is None
    assert "error=" in stolen.headers["location"]
    assert own.headers["location"] == "/"
    assert "error=" in again.headers["location"]
