"""The REST API of a server, as far as the command line needs it."""

import getpass
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from standalone.client.credentials import (
    Account,
    credentials_file,
    load_account,
    save_account,
)
from standalone.client.errors import CommandFailed
from standalone.client.terminal import complain, say

_TIMEOUT_S = 30.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SESSION_COOKIE = "better-auth.session_token"


@contextmanager
def signed_in(url: str) -> Iterator["Server"]:
    """Lend a client of the server at *url*, signed in.

    Raises:
        CommandFailed: It does not let us in, or does not answer.

    """
    with connected(url) as server:
        server.sign_in()
        yield server


@contextmanager
def connected(url: str) -> Iterator["Server"]:
    """Lend a client of the server at *url*, not signed in yet.

    Raises:
        CommandFailed: That is no address of a server.

    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandFailed(f"{url} is not the address of a server.")
    base = f"{parts.scheme}://{parts.netloc}"
    is_local = parts.hostname in _LOOPBACK
    # A proxy that the environment names does not know our loopback address.
    with httpx.Client(
        base_url=base, timeout=_TIMEOUT_S, trust_env=not is_local
    ) as http:
        yield Server(base, http, is_local=is_local)


class Server:
    """A client of one server's door."""

    def __init__(self, url: str, http: httpx.Client, *, is_local: bool) -> None:
        self.url = url
        self.is_local = is_local
        self._http = http
        self._account: Account | None = None

    # --- who we are -------------------------------------------------------------------

    @property
    def cookie(self) -> str:
        """The session, for the socket's handshake."""
        return "" if self._account is None else self._account.cookie

    def sign_in(self) -> None:
        """Be somebody: as kept, or else with a new session, or else a new account.

        On this machine an account is made without asking; elsewhere a person is asked.

        Raises:
            CommandFailed: The server does not let us in, or does not answer.

        """
        self._account = load_account(self.url)
        if self._account is not None and self._session_is_valid():
            return
        if self._account is not None and self._account.password is not None:
            email, password = self._account.email, self._account.password
            if self._enter("sign-in", email, password, keep_password=True):
                return
        if self.is_local:
            self._make_account()
        else:
            self._ask_person()

    def sign_in_as(self, email: str, password: str) -> None:
        """Sign in with an account that there is.

        Raises:
            CommandFailed: The server refuses.

        """
        if not self._enter("sign-in", email, password, keep_password=False):
            raise CommandFailed(f"{self.url} does not know this e-mail and password.")

    def _session_is_valid(self) -> bool:
        answer = self._ask("GET", "/api/auth/get-session")
        return answer.is_success and answer.content.strip() not in (b"", b"null")

    def _make_account(self) -> None:
        email = f"{_user_name()}-{secrets.token_hex(3)}@atelier.localhost"
        password = secrets.token_urlsafe(18)
        if not self._enter("sign-up", email, password, keep_password=True):
            raise CommandFailed(f"{self.url} takes no new accounts.")
        say(f"Signed up at {self.url} as {email}")
        say(f"The password, for the browser, is in {credentials_file()}")

    def _ask_person(self) -> None:
        if not sys.stdin.isatty():
            raise CommandFailed(f"Sign in first: atelier sign-in --server {self.url}")
        complain(f"Sign in at {self.url}")
        self.sign_in_as(input("E-mail: ").strip(), getpass.getpass("Password: "))

    def _enter(
        self, how: str, email: str, password: str, *, keep_password: bool
    ) -> bool:
        body = {"email": email, "password": password}
        if how == "sign-up":
            body["name"] = email.partition("@")[0]
        self._account = None
        answer = self._ask("POST", f"/api/auth/{how}/email", body)
        if not answer.is_success:
            return False
        cookie = _session_of(answer)
        if cookie is None:
            raise CommandFailed(f"{self.url} is not an Atelier server.")
        self._account = Account(email, cookie, password if keep_password else None)
        save_account(self.url, self._account)
        return True

    # --- projects ---------------------------------------------------------------------

    def create_project(self, name: str, description: str) -> dict[str, Any]:
        """Return a new project."""
        body = {"name": name, "description": description}
        project: dict[str, Any] = self._json("POST", "/api/projects", body)
        return project

    def find_project(self, wanted: str) -> dict[str, Any]:
        """Return the project of that id, beginning of an id, or name.

        Raises:
            CommandFailed: There is none, or more than one.

        """
        projects: list[dict[str, Any]] = self._json("GET", "/api/projects")
        exact = [one for one in projects if wanted in (one["id"], one["name"])]
        found = exact or [one for one in projects if one["id"].startswith(wanted)]
        if len(found) != 1:
            some = ", ".join(f"{one['id']} ({one['name']})" for one in found[:5])
            how_many = f"More than one: {some}" if found else "There is none."
            raise CommandFailed(f'No single project is "{wanted}". {how_many}')
        return found[0]

    def files(self, project_id: str) -> list[dict[str, Any]]:
        """Return all files of a project, with their content."""
        files: list[dict[str, Any]] = self._json(
            "GET", f"/api/project-files/{project_id}"
        )
        return files

    def _json(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        answer = self._ask(method, path, body)
        if not answer.is_success:
            raise CommandFailed(_sentence(answer))
        try:
            return answer.json()
        except ValueError as exc:
            raise CommandFailed(f"{self.url} is not an Atelier server.") from exc

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        headers = {"Cookie": self.cookie} if self._account is not None else {}
        try:
            return self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as exc:
            hint = " Is `make run` running?" if self.is_local else ""
            raise CommandFailed(f"{self.url} does not answer: {exc}.{hint}") from exc


def _session_of(answer: httpx.Response) -> str | None:
    for header in answer.headers.get_list("set-cookie"):
        pair: str = header.partition(";")[0].strip()
        if pair.partition("=")[0].removeprefix("__Secure-") == _SESSION_COOKIE:
            return pair
    return None


def _sentence(answer: httpx.Response) -> str:
    text = answer.text.strip()
    if not text or "\n" in text or text.startswith(("<", "{")):
        return f"The server answers {answer.status_code}."
    return f"{text.rstrip('.')}."


def _user_name() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        return "you"
    return "".join(one for one in name.lower() if one.isascii() and one.isalnum()) or (
        "you"
    )
