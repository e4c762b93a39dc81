"""What log lines look like."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from chassis import logs, tracing


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logs are set up for a whole process; these tests share one with others."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_line_is_json_with_the_ids_that_were_bound(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    logs.configure("agent", style="json")
    with tracing.under(TRACEPARENT), logs.bound(project=7, command=None):
        logs.get("here").info("appended", count=2)
    line = json.loads(capfdbinary.readouterr().out)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "appended",
        "service": "agent",
        "source": "here",
        "trace": "0af7651916cd43dd8448eb211c80319c",
        "project": "7",
        "count": 2,
    }


def test_ids_are_gone_after_the_block(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    logs.configure("agent", style="json")
    with logs.bound(project=7):
        pass
    logs.get("here").info("idle")
    assert "project" not in json.loads(capfdbinary.readouterr().out)


def test_what_libraries_log_arrives_in_the_same_form(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    logs.configure("agent", style="json")
    logging.getLogger("some.library").warning("%d left", 3)
    line = json.loads(capfdbinary.readouterr().out)
    assert (line["event"], line["level"], line["source"]) == (
        "3 left",
        "warning",
        "some.library",
    )


def test_an_exception_is_told_in_one_line(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    logs.configure("agent", style="json")
    logs.get("here").error("failed", exc_info=OSError("disk full"))
    lines = capfdbinary.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "OSError: disk full" in json.loads(lines[0])["exception"]


def test_lines_below_the_level_are_dropped(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    logs.configure("agent", "warning", style="json")
    logs.get("here").info("chatter")
    assert capfdbinary.readouterr().out == b""


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_shows_no_local_variables(
    style: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(database_url: str) -> None:
        raise ConnectionError(f"no answer to {len(database_url)} characters")

    logs.configure("agent", style=style)
    try:
        fail("hunter".upper())
    except ConnectionError:
        logs.get("here").exception("failed")
    text = capfd.readouterr().out
    assert "no answer to 6 characters" in text
    assert "HUNTER" not in text


def test_a_person_gets_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("agent", style="console")
    logs.get("here").info("appended", count=2)
    text = capsys.readouterr().out
    assert "appended" in text
    assert "{" not in text
