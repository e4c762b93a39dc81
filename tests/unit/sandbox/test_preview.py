"""What a request to a preview is answered with, by its head and by what is there."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from eventcore.errors import Unavailable
from proxy import Answer, RequestHead, TcpAddress, Upstream
from sandbox.application.loads import Loads
from sandbox.application.parts import Site
from sandbox.domain.apps.app import App
from sandbox.domain.previews.headers import HOP
from sandbox.domain.previews.name import preview_name
from sandbox.domain.previews.pages import OPENED
from sandbox.entrypoints.preview import Preview
from sandbox.ports import Fetched, Owner

PROJECT = UUID("12345678-1234-5678-1234-567812345678")
KEY = b"key"
DOMAIN = "preview.localhost"
HOST = f"{preview_name(PROJECT, KEY)}.{DOMAIN}"
BUNDLE = "/node_modules/.vite/deps/react.js?v=1"
ON_ITS_WAY = "/src/opening.js"
MODULE = Fetched(200, "text/javascript", b"export {}")


class House:
    """A controller with one project, of whose app this is *known*."""

    def __init__(self, *, runs: bool = True, **known: Any) -> None:  # noqa: ANN401 - anything
        loads = Loads(["/src/a.js"], {BUNDLE: MODULE})
        server = SimpleNamespace(app=App("vite"), process=self, loads=loads)
        self.sandbox = SimpleNamespace(
            **{
                "shown": server if runs else None,
                "gone": False,
                "coming": False,
                "doing": None,
                "trouble": None,
                "log_tail": "",
                "site": Site("http://a/", "a"),
                "changed": asyncio.Event(),
                "use": SimpleNamespace(joined=nullcontext),
                **known,
            }
        )
        self.opening = {ON_ITS_WAY: MODULE}
        self.woken = 0
        self.elsewhere: Owner | None = None
        self.is_reached = True

    @classmethod
    def of_files(cls, folder: str = "", **files: bytes) -> "House":
        """Return the house of a plain page; `__` in a name stands for a dot."""
        found = {f"{folder}{name.replace('__', '.')}": it for name, it in files.items()}
        app = App("static", folder=folder.removesuffix("/"))
        read = SimpleNamespace(read=partial(_read, found))
        server = SimpleNamespace(app=app, process=None, loads=Loads())
        return cls(shown=server, folder=read)

    async def owner(self, _: UUID) -> Owner | None:
        if not self.is_reached:
            raise Unavailable("nobody knows")
        return self.elsewhere

    def open(self, _: UUID) -> SimpleNamespace:
        return self.sandbox

    def visit(self, _: UUID) -> None:
        self.woken += 1

    async def connect(self) -> None:
        raise AssertionError("nobody connects here")

    async def asked(
        self, target: str = "/", method: str = "GET", **headers: str
    ) -> Upstream | Answer:
        """Return what a request gets."""
        raw = [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in headers.items()
        ]
        is_socket = "sec_websocket_protocol" in headers
        head = RequestHead(method, target, HOST, raw, "peer", "http", is_socket)
        controller: Any = self
        return await Preview(controller, DOMAIN, KEY).route(head)

    async def status(self, target: str = "/", **headers: str) -> int:
        """Return with which status we answer."""
        answer = await self.asked(target, **headers)
        assert isinstance(answer, Answer), answer
        return answer.status


async def _read(
    files: Mapping[str, bytes], paths: Iterable[str], _: int
) -> dict[str, bytes]:
    return {path: files[path] for path in paths if path in files}


@pytest.mark.parametrize("folder", ["", "site/"])
async def test_a_plain_page_is_read_and_nothing_else(folder: str) -> None:
    house = House.of_files(folder, a__css=b"0123456789", b__html=b"")
    for method, status in (("GET", 200), ("HEAD", 200), ("POST", 405), ("PUT", 405)):
        answer = await house.asked("/a.css", method)
        assert isinstance(answer, Answer)
        assert answer.status == status
    assert await house.status("/site/a.css") == 404
    assert await house.status("/a.css/../a.css") == 404


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({}, 200, b"0123456789"),
        ({"range": "bytes=2-3"}, 206, b"23"),
        ({"range": "bytes=2-3", "if_range": '"a"'}, 200, b"0123456789"),
        ({"range": "bytes=99-"}, 416, b""),
    ],
    ids=["all", "part", "another", "none"],
)
async def test_a_film_comes_in_parts(
    headers: dict[str, str], status: int, body: bytes
) -> None:
    answer = await House.of_files(a__mp4=b"0123456789").asked("/a.mp4", **headers)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body) == (status, body)


async def test_only_whoever_gets_a_known_module_gets_it_from_us() -> None:
    answer = await House().asked(BUNDLE)
    assert isinstance(answer, Answer)
    assert answer.body == MODULE.body
    for method in ("HEAD", "POST"):
        assert isinstance(await House().asked(BUNDLE, method), Upstream)


async def test_what_opens_before_an_app_is_the_apps_own_as_soon_as_it_is_there() -> (
    None
):
    assert await House(runs=False).status(ON_ITS_WAY) == 200
    assert isinstance(await House().asked(ON_ITS_WAY), Upstream)


@pytest.mark.parametrize("protocol", ["vite-hmr", "vite-ping"])
async def test_an_open_page_alone_wakes_nobody(protocol: str) -> None:
    house = House(runs=False)
    assert await house.status(sec_websocket_protocol=protocol) == 503
    assert house.woken == 0
    await house.status(sec_websocket_protocol="chat")
    assert house.woken == 1


async def test_nobody_passes_a_request_on_twice() -> None:
    house = House()
    house.elsewhere = Owner(PROJECT, "10.0.0.2", 80)
    passed = await house.asked()
    assert isinstance(passed, Upstream)
    assert passed.address == TcpAddress("10.0.0.2", 80)
    marked = passed.request_headers([])
    assert marked == [(HOP, b"1")]
    assert await house.status(x_atelier_hop="1") == 503
    house.is_reached = False
    assert await house.status() == 503


async def test_a_project_that_is_gone_is_not_there() -> None:
    gone = House(runs=False, gone=True)
    assert await gone.status() == 404
    assert await gone.status(OPENED) == 404
    leave = await gone.asked("/sw.js", service_worker="script")
    assert isinstance(leave, Answer)
    assert b"unregister" in leave.body


async def test_only_the_page_is_told_with_what_it_loads() -> None:
    for target, links in (("/?a=b", 1), ("/about", 0)):
        passed = await House().asked(target)
        assert isinstance(passed, Upstream)
        assert not passed.forwarded
        told = passed.answer_headers([(b"Content-Type", b"text/html")])
        assert [name for name, _ in told].count(b"Link") == links


async def test_trouble_is_told_before_all_else() -> None:
    answer = await House(runs=False, trouble="It stopped.").asked(accept="*/*")
    assert isinstance(answer, Answer)
    assert answer.body == b"It stopped.\n"


async def test_in_place_of_a_broken_answer_comes_a_page_that_stays() -> None:
    passed = await House().asked()
    assert isinstance(passed, Upstream)
    head = RequestHead("GET", "/", HOST, [(b"Accept", b"text/html")], "", "http", False)  # noqa: FBT003 - no WebSocket
    for answer in (passed.broken(head), passed.unavailable(head)):
        assert answer.status == 503
        assert OPENED.encode() not in answer.body
