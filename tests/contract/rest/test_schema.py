"""Every documented route, tried with what fits its document and what does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import asyncpg
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.entrypoints.pages.openapi import openapi
from tests.contract.rest.routes import ENDING, NEEDS, app, own_things
from tests.support.backend import Backend
from tests.support.servers import run_apart

DOCUMENT = openapi(app().routes, "0", "http://localhost:3000")
schemathesis.serializer.alias("application/zip", "application/octet-stream")
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
EXAMPLES = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
UNDOCUMENTED = {"/", "/{path}", "/assets/{path}", "/health", "/ready", "/metrics"}
"""The page and what every process answers: nothing that a client of the API calls."""


@dataclass(frozen=True)
class Caller:
    """An administrator with a project; what ends sessions ends others than this one."""

    backend: Backend
    email: str
    ids: dict[str, str]
    token: str

    def credential(self, path: str) -> str:
        """Return the token of a session that is valid."""
        if path not in ENDING:
            return self.token
        with self.backend.person() as somebody:
            return str(next(iter(somebody.cookies.values())))


def sign_in(backend: Backend, email: str) -> str:
    with backend.client() as http:
        body = {"email": email, "password": "correct horse battery"}
        http.post("/api/auth/sign-in/email", json=body).raise_for_status()
        return str(next(iter(http.cookies.values())))


async def promote(dsn: str, user_id: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "INSERT INTO identity.administrator VALUES ($1) ON CONFLICT DO NOTHING",
            user_id,
        )
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def caller(backend: Backend) -> Iterator[Caller]:
    with backend.person() as http:
        user = http.get("/api/auth/get-session").json()["user"]
        run_apart(promote(backend.dsn, user["id"]))
        token = sign_in(backend, user["email"])
        yield Caller(backend, user["email"], own_things(http), token)


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_route_breaks_or_answers_as_it_does_not_say(
    case: Any,  # noqa: ANN401 - made by schemathesis, which has no name for it
    caller: Caller,
) -> None:
    for name, own in caller.ids.items():
        given = str((case.path_parameters or {}).get(name, ""))
        if given and ord(given[0]) % 2:
            case.path_parameters[name] = own
    credential = {"Authorization": f"Bearer {caller.credential(case.path)}"}
    case.call_and_validate(
        base_url=caller.backend.api.url, headers=credential, checks=CHECKS, timeout=30
    )


def test_each_route_is_documented() -> None:
    documented = {
        (method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    expected = {
        (method, path)
        for method, path in NEEDS
        if path not in UNDOCUMENTED and not path.startswith("/api/docs/")
    }
    assert documented == expected


def examples() -> Iterator[tuple[str, Any, Any]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            said = [operation.get("requestBody", {}), *operation["responses"].values()]
            contents = [one.get("content", {}) for one in said]
            for content in contents:
                for media in content.values():
                    if "example" in media:
                        yield f"{method} {path}", media["schema"], media["example"]


@pytest.mark.parametrize(("where", "schema", "example"), list(examples()))
def test_each_example_fits_its_schema(where: str, schema: Any, example: Any) -> None:  # noqa: ANN401 - JSON
    assert where
    jsonschema.Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}
    ).validate(example)


def test_operations_have_names_of_their_own() -> None:
    names = [
        operation["operationId"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(names)) == len(names)


def test_the_document_and_its_page_are_served(backend: Backend) -> None:
    with backend.client() as nobody:
        served = nobody.get("/api/openapi.json").json()
        page = nobody.get("/api/docs")
        script, style = (nobody.get(f"/api/docs/docs.{kind}") for kind in ("js", "css"))
    assert served["openapi"] == "3.1.0"
    assert served["paths"] == DOCUMENT["paths"]
    for answer in (page, script, style):
        assert answer.status_code == HTTPStatus.OK
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "http://" not in page.text + script.text + style.text
    assert "https://" not in page.text + script.text + style.text
