"""Events of a browser, folded into what is wrong with a page."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.domain.diagnosis.page import MAX_FINDINGS, Finding, Page, screenshot

HERE = "http://name.preview.localhost:3000"
MODULE = f"{HERE}/src/App.tsx?t=1"
AT = {"url": MODULE, "lineNumber": 4, "columnNumber": 2}


def seen(*events: tuple[str, dict[str, Any]]) -> Page:
    page = Page(f"{HERE}/")
    for method, params in events:
        page.feed(method, params)
    return page


def asked(
    path: str, kind: str = "Script", number: str = "1", **more: object
) -> tuple[str, dict[str, Any]]:
    request = {"url": path if "//" in path else HERE + path, "method": "GET"}
    params = {"requestId": number, "request": request, "type": kind, "frameId": "f"}
    return "Network.requestWillBeSent", {**params, **more}


def answered(
    path: str, status: int, kind: str = "Script", number: str = "1", mime: str = ""
) -> tuple[str, dict[str, Any]]:
    response = {"url": HERE + path, "status": status, "mimeType": mime}
    params = {"requestId": number, "type": kind, "response": response}
    return "Network.responseReceived", params


def thrown(text: str) -> tuple[str, dict[str, Any]]:
    frames = [{"url": f"{HERE}/node_modules/react.js", "lineNumber": 1}, AT]
    details = {
        "text": "Uncaught",
        "lineNumber": 0,
        "columnNumber": 0,
        "url": f"{HERE}/",
        "exception": {"description": text},
        "stackTrace": {"callFrames": frames},
    }
    return "Runtime.exceptionThrown", {"exceptionDetails": details}


def printed(text: str, kind: str = "error") -> tuple[str, dict[str, Any]]:
    return "Runtime.consoleAPICalled", {"type": kind, "args": [{"value": text}]}


def failed(error: str, kind: str = "Fetch") -> tuple[str, dict[str, Any]]:
    params = {"requestId": "1", "errorText": error, "type": kind, "canceled": False}
    return "Network.loadingFailed", params


def test_an_exception_is_told_where_the_project_is_in_its_stack() -> None:
    (found,) = seen(thrown(f"TypeError: x\n at {HERE}/src/App.tsx")).findings
    text = "TypeError: x\n at /src/App.tsx"
    assert found == Finding("console", text, MODULE, 4, 2)


def test_what_a_page_is_made_of_has_to_be_there() -> None:
    by = {"type": "parser", "url": f"{HERE}/", "lineNumber": 3}
    page = seen(asked("/x.js", initiator=by), answered("/x.js", 404))
    text = "/x.js answers with an error (404)."
    assert page.findings == [Finding("http", text, f"{HERE}/", 3, 0, 404)]


def test_a_picture_that_is_a_page_is_none() -> None:
    by = {"type": "script", "stack": {"callFrames": [AT]}}
    path = "/cat.png"
    page = seen(
        asked(path, "Image", initiator=by),
        answered(path, 200, "Image", mime="text/html"),
        asked("/dog.png", "Image", "2"),
        answered("/dog.png", 200, "Image", "2", mime="image/png"),
    )
    text = "/cat.png does not exist: a page comes instead."
    assert page.findings == [Finding("http", text, MODULE, 4, 2)]


def test_who_wanted_data_and_got_a_page_is_told() -> None:
    by = {"type": "script", "stack": {"callFrames": [AT]}}
    fault = "SyntaxError: Unexpected token '<', \"<!doctype \"... is not valid JSON"
    wanted = (
        asked("/api/items", "Fetch", initiator=by),
        answered("/api/items", 200, "Fetch", mime="text/html"),
    )
    (found,) = seen(*wanted, thrown(fault)).findings
    text = f"GET /api/items is answered with a page, and not with data: {fault}"
    assert found == Finding("http", text, MODULE, 4, 2)
    assert seen(*wanted).findings == []  # it may have wanted a page
    (other,) = seen(*wanted, thrown("x")).findings
    assert other.source == "console"


@pytest.mark.parametrize(
    ("path", "status", "kind", "count"),
    [
        ("/api", 401, "Fetch", 0),
        ("/api", 404, "Fetch", 1),
        ("/api", 500, "XHR", 1),
        ("/favicon.ico", 404, "Other", 0),
        ("/a.png", 200, "Image", 0),
    ],
)
def test_answers_to_a_page_may_be_refusals(
    path: str, status: int, kind: str, count: int
) -> None:
    page = seen(asked(path, kind), answered(path, status, kind))
    assert len(page.findings) == count


@pytest.mark.parametrize(
    "event",
    [
        printed("Warning: keys"),
        printed("see https://react.dev/link/warning-keys"),
        printed("fine", "log"),
    ],
)
def test_advice_is_no_error(event: tuple[str, dict[str, Any]]) -> None:
    assert seen(event).findings == []


def test_a_page_that_begins_anew_forgets_what_was_wrong() -> None:
    page = seen(
        *(asked("/", "Document"), answered("/dep.js", 504), thrown("x")),
        asked("/", "Document", "2"),
        asked("/inner", "Document", "3", frameId="inner"),
    )
    assert page.findings == []
    page.feed(*answered("/", 500, "Document"))
    page.feed(*asked("/inner", "Document", "4", frameId="inner"))
    assert len(page.findings) == 1


def test_what_needs_the_world_cannot_be_judged_here() -> None:
    outside = asked("https://api.example/x", "Fetch")
    gone = failed("net::ERR_NAME_NOT_RESOLVED")
    lost = thrown("TypeError: Failed to fetch")
    assert seen(outside, gone, lost).findings == []
    assert len(seen(lost).findings) == 1
    assert len(seen(outside, gone, thrown("TypeError: x is null")).findings) == 1
    script = failed("net::ERR_NAME_NOT_RESOLVED", "Script")
    assert seen(outside, script, thrown("TypeError: x is null")).findings == []


def test_a_connection_that_breaks_is_told() -> None:
    page = seen(asked("/data", "Fetch"), failed("net::ERR_EMPTY_RESPONSE"))
    (found,) = page.findings
    assert found.message == "GET /data failed: net::ERR_EMPTY_RESPONSE."


def test_a_flood_is_counted_and_no_more() -> None:
    page = seen(*[printed("x" * 9000)] * 500)
    assert len(page.findings) == MAX_FINDINGS
    assert max(len(one.message) for one in page.findings) <= 3000


_VALUES: st.SearchStrategy[object] = (
    st.none() | st.integers() | st.text(max_size=5) | st.just([{}]) | st.just({})
)


@given(
    st.sampled_from(["Runtime.exceptionThrown", "Network.responseReceived", "x"]),
    st.dictionaries(st.sampled_from(["type", "exceptionDetails", "args"]), _VALUES),
)
def test_any_event_is_taken(method: str, params: dict[str, Any]) -> None:
    seen((method, params))


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ({"data": "/9j/AP/Z"}, b"\xff\xd8\xff\0\xff\xd9"),
        ({"data": "iVBORw0KGgo="}, None),
        ({"data": "no base64!"}, None),
        ({"data": 7}, None),
        ({}, None),
    ],
)
def test_a_screenshot_is_a_jpeg_or_nothing(
    result: dict[str, Any], found: bytes | None
) -> None:
    assert screenshot(result) == found


@pytest.mark.parametrize(("error", "found"), [("ERR_ABORTED", 0), ("ERR_FAILED", 1)])
def test_what_a_page_gives_up_by_itself_has_not_failed(error: str, found: int) -> None:
    page = seen(asked("/api/x", "Fetch"), failed(f"net::{error}"))
    assert len(page.findings) == found
