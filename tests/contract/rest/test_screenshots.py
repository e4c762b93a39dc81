"""How an app looked last, asked for as the page does; the sandbox is played."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

import httpx
import pytest

from contracts import codec, subjects
from contracts.sandbox import Screenshot
from eventcore.adapters.nats import open_bus
from tests.support.backend import Backend

JPEG = b"\xff\xd8\xff\xe0 what is drawn \xff\xd9"


@pytest.fixture
def path(project: str) -> str:
    """Where the screenshot of a new project is."""
    return f"{project}/screenshot"


class Sandbox:
    """Answers every question for a screenshot in the place of the sandbox service."""

    def __init__(self, ada: httpx.Client) -> None:
        self.answer = codec.encode(Screenshot(JPEG))
        self._ada = ada

    async def show(self, _: str, __: bytes, ___: Mapping[str, str]) -> bytes:
        """Answer one question."""
        return self.answer

    async def asked_by_ada(self, path: str, **headers: str) -> httpx.Response:
        """Return what she gets, while we can answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await asyncio.to_thread(self._ada.get, path, headers=named)


@pytest.fixture
async def sandbox(backend: Backend, ada: httpx.Client) -> AsyncIterator[Sandbox]:
    """A sandbox service that has a screenshot of everything."""
    played = Sandbox(ada)
    async with open_bus(backend.nats.url) as bus:
        await bus.serve(subjects.SCREENSHOTS, subjects.SANDBOX_QUEUE, played.show)
        yield played


async def test_the_owner_gets_a_jpeg_that_nobody_else_keeps(
    sandbox: Sandbox, path: str
) -> None:
    answer = await sandbox.asked_by_ada(path)
    assert (answer.status_code, answer.content) == (HTTPStatus.OK, JPEG)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"


async def test_who_has_it_already_is_told_so(sandbox: Sandbox, path: str) -> None:
    etag = (await sandbox.asked_by_ada(path)).headers["etag"]
    answer = await sandbox.asked_by_ada(path, if_none_match=etag)
    assert (answer.status_code, answer.content) == (HTTPStatus.NOT_MODIFIED, b"")
    assert answer.headers["cache-control"] == "private, no-cache"


async def test_an_app_that_nobody_has_looked_at_has_none(
    sandbox: Sandbox, path: str
) -> None:
    sandbox.answer = codec.encode(Screenshot(None))
    answer = await sandbox.asked_by_ada(path)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.text == "There is no screenshot of this app yet"


async def test_what_is_no_jpeg_is_not_passed_on(sandbox: Sandbox, path: str) -> None:
    sandbox.answer = b'{"type":"screenshot","jpeg":"PHN2Zz4="}'
    answer = await sandbox.asked_by_ada(path)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert b"svg" not in answer.content


async def test_of_a_deleted_project_there_is_none(
    ada: httpx.Client, sandbox: Sandbox, path: str
) -> None:
    await asyncio.to_thread(ada.delete, path.removesuffix("/screenshot"))
    answer = await sandbox.asked_by_ada(path)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.text == "Project not found"
