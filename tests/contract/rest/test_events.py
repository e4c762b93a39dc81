"""Recorded events by REST: in pages, and as a stream."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from itertools import islice
from typing import Any

import httpx
import pytest

from tests.support.backend import TODO, Backend

Event = dict[str, Any]


@pytest.fixture
def path(ada: httpx.Client, project: str) -> str:
    """Where the events of a project with seven of them are."""
    for name in "abcdef":
        ada.patch(project, json={"name": name})
    return f"{project}/events"


def seqs(events: list[Event]) -> list[int]:
    return [event["seq"] for event in events]


def streamed(lines: Iterable[str], count: int) -> list[Event]:
    """Return so many events of a stream, having looked at their form."""
    events: list[Event] = []
    said = (line.rstrip("\n") for line in lines)
    blocks = (line for line in said if line.startswith(("id:", "event:", "data:")))
    while len(events) < count:
        id_, type_, data = islice(blocks, 3)
        event = json.loads(data.removeprefix("data: "))
        assert (id_, type_) == (f"id: {event['seq']}", f"event: {event['type']}")
        events.append(event)
    return events


def test_events_come_in_order_in_the_words_of_the_socket(
    ada: httpx.Client, path: str
) -> None:
    events = ada.get(path).json()
    assert seqs(events) == [1, 2, 3, 4, 5, 6, 7]
    assert set(events[0]) == {"seq", "type", "at", "data"}
    assert events[0]["type"] == "project_created"
    assert events[0]["data"] == TODO


def test_pages_join_to_the_whole(ada: httpx.Client, path: str) -> None:
    pages, after = [], 0
    while page := ada.get(path, params={"after": after, "limit": 3}).json():
        pages.append(seqs(page))
        after = page[-1]["seq"]
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]


@pytest.mark.parametrize(
    "query",
    [
        *("after=-1", "after=x", "after=", "after=1.5", "after=99999999999999999999"),
        *("limit=0", "limit=501", "limit=x", "after=%D9%A3"),
    ],
)
def test_what_is_no_number_is_refused(ada: httpx.Client, path: str, query: str) -> None:
    answer = ada.get(f"{path}?{query}")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.text.startswith("The parameter ")


def test_a_stream_tells_what_was_and_what_happens(ada: httpx.Client, path: str) -> None:
    sse = {"Accept": "text/event-stream"}
    with ada.stream("GET", path, params={"after": 5}, headers=sse) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert seqs(streamed(lines, 2)) == [6, 7]
        for name in ("live", "alive"):
            ada.patch(path.removesuffix("/events"), json={"name": name})
        names = [event["data"]["name"] for event in streamed(lines, 2)]
    assert names == ["live", "alive"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curl_hears_what_was_and_what_happens(
    backend: Backend, ada: httpx.Client, path: str
) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in ada.cookies.items())
    headers = ("-H", "Accept: text/event-stream", "-H", f"Cookie: {cookie}")
    words = ("curl", "-sN", *headers, f"{backend.api.url}{path}?after=5")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        heard = streamed(curl.stdout, 2)
        ada.patch(path.removesuffix("/events"), json={"name": "live"})
        heard += streamed(curl.stdout, 1)
        ada.delete(path.removesuffix("/events"))
        assert curl.wait(30) == 0  # the stream ends with the project
    assert seqs(heard) == [6, 7, 8]
    assert heard[2]["data"]["name"] == "live"


@pytest.mark.parametrize("last", ["6", "0" * 20 + "6"])
def test_a_stream_goes_on_after_the_last_event(
    ada: httpx.Client, path: str, last: str
) -> None:
    again = {"Accept": "text/event-stream", "Last-Event-ID": last}
    with ada.stream("GET", path, params={"after": 0}, headers=again) as stream:
        assert seqs(streamed(stream.iter_lines(), 1)) == [7]


def test_a_last_event_without_end_is_one_that_is_still_to_come(
    ada: httpx.Client, path: str
) -> None:
    again = {"Accept": "text/event-stream", "Last-Event-ID": "9" * 5000}
    with ada.stream("GET", path, headers=again) as stream:
        assert stream.status_code == HTTPStatus.OK
        assert next(stream.iter_lines()) == "retry: 1000"


def test_a_stream_ends_with_the_project(ada: httpx.Client, path: str) -> None:
    sse = {"Accept": "text/event-stream"}
    with ada.stream("GET", path, params={"after": 5}, headers=sse) as stream:
        lines = stream.iter_lines()
        while not next(lines).startswith("event: "):
            pass
        ada.delete(path.removesuffix("/events"))
        assert "event: project_deleted" in list(lines)


def test_a_stream_ends_at_once_with_the_session(
    backend: Backend, ada: httpx.Client, path: str
) -> None:
    sse = {"Accept": "text/event-stream"}
    patience = httpx.Timeout(10)  # sooner than it is looked at anyway
    with (
        backend.client() as elsewhere,
        ada.stream("GET", path, headers=sse, timeout=patience) as stream,
    ):
        elsewhere.cookies.update(ada.cookies)
        lines = stream.iter_lines()
        assert seqs(streamed(lines, 7))[-1] == 7
        elsewhere.post("/api/auth/sign-out").raise_for_status()
        assert [line for line in lines if line.startswith("event: ")] == []


def test_a_person_has_ten_streams_at_a_time(ada: httpx.Client, path: str) -> None:
    sse = {"Accept": "text/event-stream"}
    texts: list[Iterator[str]] = []  # one that nobody holds ends its stream
    with ExitStack() as streams:
        for _ in range(10):
            answer = streams.enter_context(ada.stream("GET", path, headers=sse))
            assert answer.status_code == HTTPStatus.OK
            texts.append(answer.iter_text())
            next(texts[-1])  # from its first words on a stream is counted
        refused = streams.enter_context(ada.stream("GET", path, headers=sse))
        assert refused.status_code == HTTPStatus.TOO_MANY_REQUESTS
