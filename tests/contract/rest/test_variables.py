"""REST of variables and secrets, and where their values are not."""

import json
from http import HTTPStatus
from uuid import UUID

import asyncpg
import httpx
import pytest

from contracts import codec, subjects
from contracts.requests import GetVariables, Variables, VariablesAnswer
from eventcore.adapters.nats import open_bus
from tests.support.backend import Backend
from tests.support.servers import run_apart

HUSH = "sk-0123456789-hush"
_answers = codec.decoder(VariablesAnswer)


@pytest.fixture
def path(project: str) -> str:
    """The path of its variables."""
    return f"{project}/variables"


def asked(backend: Backend, project: str) -> Variables:
    """Ask as the sandbox does."""
    return run_apart(ask(backend, project))


async def ask(backend: Backend, project: str) -> Variables:
    project_id = UUID(project.rpartition("/")[2])
    async with open_bus(backend.nats.url) as bus:
        body = codec.encode(GetVariables(project_id))
        subject = subjects.variables(project_id)
        answer = await bus.request(subject, body, timeout_s=5, traceparent=None)
    decoded = _answers.decode(answer)
    assert isinstance(decoded, Variables)
    return decoded


async def tables_with(dsn: str, text: str) -> list[str]:
    """Return the tables that hold *text* anywhere."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname IN ('log', 'identity', 'views', 'hooks', 'vault')"
        )
        return [
            table["name"]
            for table in tables
            if await connection.fetchval(
                f"SELECT count(*) FROM {table['name']} AS one"  # noqa: S608 - its names
                " WHERE strpos(one::text, $1) > 0 OR strpos(one::text, $2) > 0",
                *(text, text.encode().hex()),
            )
        ]
    finally:
        await connection.close()


def put(who: httpx.Client, path: str, name: str, **body: object) -> httpx.Response:
    return who.put(f"{path}/{name}", json=body)


def test_the_app_gets_what_its_owner_gave_it(
    backend: Backend, ada: httpx.Client, project: str, path: str
) -> None:
    put(ada, path, "API_KEY", value=HUSH)
    put(ada, path, "GREETING", value="höllo\n", secret=False)
    expected = Variables({"API_KEY": HUSH, "GREETING": "höllo\n"}, ["API_KEY"])
    assert asked(backend, project) == expected


def test_a_secret_is_not_shown_and_another_variable_is(
    ada: httpx.Client, path: str
) -> None:
    assert put(ada, path, "API_KEY", value=HUSH).json()["value"] is None
    put(ada, path, "GREETING", value="hello", secret=False)
    listed = ada.get(path).json()
    shown = [(one["name"], one["secret"], one["value"]) for one in listed]
    assert shown == [("API_KEY", True, None), ("GREETING", False, "hello")]


def test_each_change_is_an_event_with_the_names_alone(
    ada: httpx.Client, project: str, path: str
) -> None:
    put(ada, path, "API_KEY", value=HUSH)
    put(ada, path, "API_KEY", value=HUSH + "2")
    ada.delete(f"{path}/API_KEY")
    events = ada.get(f"{project}/events").json()
    changes = [one["data"] for one in events if one["type"] == "settings_changed"]
    assert [one["variables"] for one in changes] == [["API_KEY"], ["API_KEY"], []]
    assert "hush" not in json.dumps(events)


def test_a_deleted_variable_is_gone(
    backend: Backend, ada: httpx.Client, project: str, path: str
) -> None:
    put(ada, path, "API_KEY", value=HUSH)
    assert ada.delete(f"{path}/API_KEY").text == "true"
    again = ada.delete(f"{path}/API_KEY")
    expected = (HTTPStatus.NOT_FOUND, "Variable not found")
    assert (again.status_code, again.text) == expected
    assert asked(backend, project) == Variables({}, [])


def test_values_are_nowhere_in_the_database_and_in_no_log(
    backend: Backend, ada: httpx.Client, path: str
) -> None:
    put(ada, path, "API_KEY", value=HUSH)
    ada.put(f"{path}/API_KEY", json={"value": HUSH}, headers={"Idempotency-Key": "k"})
    assert run_apart(tables_with(backend.dsn, HUSH)) == []
    for service in (backend.api, backend.agent):
        assert HUSH not in service.log.read_text(encoding="utf-8")


def test_the_values_go_with_the_project(
    backend: Backend, ada: httpx.Client, project: str, path: str
) -> None:
    put(ada, path, "API_KEY", value=HUSH)
    ada.delete(project)
    assert asked(backend, project) == Variables({}, [])


def test_settings_leave_variables_as_they_are(
    ada: httpx.Client, project: str, path: str
) -> None:
    put(ada, path, "API_KEY", value=HUSH)
    ada.patch(f"{project}/settings", json={"maxRunTokens": 5})
    events = ada.get(f"{project}/events").json()
    assert events[-1]["data"]["variables"] == ["API_KEY"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        *(("key", {"value": "x"}), ("1A", {"value": "x"}), ("A-B", {"value": "x"})),
        *(("A" * 101, {"value": "x"}), ("A%0A", {"value": "x"})),
        *(("A", {}), ("A", {"value": 1}), ("A", {"value": "a\0b"})),
        ("A", {"value": "x" * 4001}),
    ],
)
def test_what_is_no_variable_is_refused(
    ada: httpx.Client, path: str, name: str, body: dict[str, object]
) -> None:
    answer = ada.put(f"{path}/{name}", json=body)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert ada.get(path).json() == []


def test_a_project_has_a_hundred_variables_at_most(
    ada: httpx.Client, path: str
) -> None:
    for number in range(100):
        put(ada, path, f"V{number}", value="x").raise_for_status()
    assert put(ada, path, "V0", value="y").status_code == HTTPStatus.OK
    answer = put(ada, path, "ONE_MORE", value="x")
    expected = (HTTPStatus.CONFLICT, "A project has at most 100 variables")
    assert (answer.status_code, answer.text) == expected
