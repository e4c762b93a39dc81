"""Webhooks: made, called, signed, tried again, and kept from private addresses."""

import base64
import hmac
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from tests.support.backend import Backend, backend_of
from tests.support.polling import wait_until
from tests.support.receiver import Receiver, receiver
from tests.support.servers import PostgresServer, server_folder

Hook = dict[str, Any]


@pytest.fixture(scope="module")
def calling(postgres_server: PostgresServer) -> Iterator[Backend]:
    """An api that may call this machine, where the receiver of the tests is."""
    with (
        server_folder() as folder,
        backend_of(
            folder, postgres_server, WEBHOOKS_TO_PRIVATE_ADDRESSES="1"
        ) as started,
    ):
        yield started


@pytest.fixture
def ada(calling: Backend) -> Iterator[httpx.Client]:
    with calling.person() as person:
        yield person


@pytest.fixture
def hears() -> Iterator[Receiver]:
    with receiver() as started:
        yield started


def hooked(ada: httpx.Client, project: str, url: str, *events: str) -> Hook:
    body = {"url": url, "events": events or ["project_updated"]}
    answer = ada.post(f"{project}/webhooks", json=body)
    assert answer.status_code == HTTPStatus.OK, answer.text
    hook: Hook = answer.json()
    return hook


def log(ada: httpx.Client, project: str, hook: Hook) -> list[Hook]:
    deliveries: list[Hook] = ada.get(
        f"{project}/webhooks/{hook['id']}/deliveries"
    ).json()
    return deliveries


def settled(ada: httpx.Client, project: str, hook: Hook, state: str) -> Hook:
    """Return the only delivery, once it is in this state."""
    wait_until(
        lambda: [one["state"] for one in log(ada, project, hook)] == [state],
        f"the delivery is {state}",
    )
    return log(ada, project, hook)[0]


def test_an_event_is_told_signed(
    ada: httpx.Client, project: str, hears: Receiver
) -> None:
    hook = hooked(ada, project, f"{hears.url}/here?x=1")
    ada.patch(project, json={"name": "New"})
    call = hears.wait_for(1)[0]
    assert call.told["type"] == "project_updated"
    assert call.told["data"] == {"name": "New", "description": "a list"}
    assert call.told["projectId"] == project.rpartition("/")[2]
    assert call.told["seq"] == 2
    id_, at = call.headers["webhook-id"], call.headers["webhook-timestamp"]
    key = base64.b64decode(hook["secret"].removeprefix("whsec_"))
    signed = f"{id_}.{at}.".encode() + call.body
    expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"
    delivery = settled(ada, project, hook, "delivered")
    assert (delivery["id"], delivery["attempts"]) == (id_, 1)
    assert delivery["lastStatus"] == 204


def test_only_what_was_chosen_is_told_and_only_from_then_on(
    ada: httpx.Client, project: str, hears: Receiver
) -> None:
    ada.patch(project, json={"name": "before"})
    hook = hooked(ada, project, hears.url, "project_updated")
    file = {"path": "a.txt", "content": "x"}
    ada.put(project.replace("projects", "project-files"), json=file)
    ada.patch(project, json={"name": "after"})
    assert hears.wait_for(1)[0].told["data"]["name"] == "after"
    settled(ada, project, hook, "delivered")
    assert len(hears.heard) == 1


def test_the_secret_is_shown_once(ada: httpx.Client, project: str) -> None:
    hook = hooked(ada, project, "https://example.org/hook")
    listed = ada.get(f"{project}/webhooks").json()
    del hook["secret"]
    assert listed == [hook]


def test_what_fails_is_tried_again_under_the_same_id(
    ada: httpx.Client, project: str, hears: Receiver
) -> None:
    hears.answers = [500]
    hook = hooked(ada, project, hears.url)
    ada.patch(project, json={"name": "New"})
    first, second = hears.wait_for(2)[:2]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    delivery = settled(ada, project, hook, "delivered")
    assert delivery["attempts"] == 2


def test_a_redirect_is_a_failure_and_is_not_followed(
    ada: httpx.Client, project: str, hears: Receiver
) -> None:
    hears.answers = [307]
    hook = hooked(ada, project, hears.url)
    ada.patch(project, json={"name": "New"})
    hears.wait_for(1)
    wait_until(lambda: log(ada, project, hook)[0]["lastStatus"] == 307, "it is logged")
    delivery = log(ada, project, hook)[0]
    assert (delivery["state"], delivery["lastError"]) == ("pending", "answered 307")


def test_a_receiver_that_is_gone_is_called_no_more(
    ada: httpx.Client, project: str, hears: Receiver
) -> None:
    hears.answers = [410]
    hook = hooked(ada, project, hears.url)
    ada.patch(project, json={"name": "New"})
    settled(ada, project, hook, "failed")
    assert ada.get(f"{project}/webhooks").json()[0]["enabled"] is False


def test_a_delivery_is_made_again_when_asked(
    ada: httpx.Client, project: str, hears: Receiver
) -> None:
    hook = hooked(ada, project, hears.url)
    ada.patch(project, json={"name": "New"})
    delivery = settled(ada, project, hook, "delivered")
    path = f"{project}/webhooks/{hook['id']}/deliveries/{delivery['id']}"
    assert ada.post(path).json()["state"] == "pending"
    first, again = hears.wait_for(2)[:2]
    assert first.body == again.body


def test_an_event_beyond_reason_is_told_without_its_data(
    ada: httpx.Client, project: str, hears: Receiver
) -> None:
    hooked(ada, project, hears.url, "file_end")
    file = {"path": "a.txt", "content": "x" * 300_000}
    ada.put(project.replace("projects", "project-files"), json=file)
    told = hears.wait_for(1)[0].told
    assert (told["type"], told["omitted"], told["data"]) == ("file_end", True, {})


def test_the_end_of_a_project_is_told(
    ada: httpx.Client, project: str, hears: Receiver
) -> None:
    hooked(ada, project, hears.url, "project_deleted")
    ada.delete(project)
    assert hears.wait_for(1)[0].told["type"] == "project_deleted"


def test_a_webhook_that_pauses_is_not_told(
    ada: httpx.Client, project: str, hears: Receiver
) -> None:
    hook = hooked(ada, project, hears.url)
    path = f"{project}/webhooks/{hook['id']}"
    assert ada.patch(path, json={"enabled": False}).json()["enabled"] is False
    ada.patch(project, json={"name": "unheard"})
    ada.patch(path, json={"enabled": True})
    ada.patch(project, json={"name": "heard"})
    assert hears.wait_for(1)[0].told["data"]["name"] == "heard"


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.org", "example.org", "https://", "https:///x", "", "x" * 2001),
        *("https://user:secret@example.org", "https://example.org/#x"),
        *(
            "https://example.org:22",
            "https://example.org:99999",
            "https://exa mple.org",
        ),
        *("https://example.org/\n", "https://example.org\\@evil", "https://[::1"),
    ],
)
def test_what_is_no_address_of_the_web_is_refused(
    ada: httpx.Client, project: str, url: str
) -> None:
    body = {"url": url, "events": ["project_updated"]}
    answer = ada.post(f"{project}/webhooks", json=body)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("events", [[], ["nothing"], "project_updated", [1], None])
def test_what_is_no_type_of_event_is_refused(
    ada: httpx.Client, project: str, events: object
) -> None:
    body = {"url": "https://example.org", "events": events}
    answer = ada.post(f"{project}/webhooks", json=body)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_project_has_ten_at_most(ada: httpx.Client, project: str) -> None:
    for _ in range(10):
        hooked(ada, project, "https://example.org")
    body = {"url": "https://example.org", "events": ["project_updated"]}
    answer = ada.post(f"{project}/webhooks", json=body)
    assert answer.status_code == HTTPStatus.CONFLICT


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0"]
)
def test_nothing_private_is_called_unless_the_installation_says_so(
    backend: Backend, hears: Receiver, host: str
) -> None:
    port = hears.url.rpartition(":")[2]
    with backend.person() as ada:
        body = {"name": "Todo", "description": "a list"}
        project = f"/api/projects/{ada.post('/api/projects', json=body).json()['id']}"
        hook = hooked(ada, project, f"http://{host}:{port}/inside")
        ada.patch(project, json={"name": "New"})
        wait_until(
            lambda: any(one["lastError"] for one in log(ada, project, hook)),
            "it is refused",
        )
        error = log(ada, project, hook)[0]["lastError"]
    assert error == "the address is not public"
    assert hears.heard == []
