"""Where the door leads."""

import pytest

from proxy import Answer, RequestHead, TcpAddress, Upstream
from standalone.edge import Door, EdgeSettings

API, GATEWAY, PREVIEW = 1001, 1002, 1003


def door(*, any_address: bool = False) -> Door:
    return Door(
        EdgeSettings(
            listen_fds=[],
            http_port=0,
            api_port=API,
            gateway_port=GATEWAY,
            preview_port=PREVIEW,
            public_url="https://atelier.example.org/",
            any_address=any_address,
        )
    )


def head(
    host: str, target: str = "/", accept: str = "*/*", *, is_websocket: bool = False
) -> RequestHead:
    return RequestHead(
        method="GET",
        target=target,
        host=host,
        headers=[(b"Accept", accept.encode())],
        peer="127.0.0.1",
        scheme="http",
        is_websocket=is_websocket,
    )


async def port_of(host: str, target: str, *, any_address: bool = False) -> int | None:
    """Return the port where a request goes, None when it goes nowhere."""
    asked = head(host, target, is_websocket=target.startswith("/ws"))
    found = await door(any_address=any_address).route(asked)
    match found:
        case Upstream(address=TcpAddress(port=port)):
            return port
        case _:
            return None


@pytest.mark.parametrize(
    ("host", "target", "port"),
    [
        ("localhost", "/", API),
        ("localhost", "/api/projects?x=1", API),
        ("localhost", "/health", API),
        ("127.0.0.1", "/", API),
        ("[::1]", "/", API),
        ("atelier.example.org", "/", API),
        ("localhost", "/ws/0192", GATEWAY),
        ("localhost", "/ws?after=1", GATEWAY),
        ("localhost", "/wsx", API),
        ("localhost", "/%77s/0192", API),
        ("localhost", "/api/../ws/0192", API),
        ("abc.preview.localhost", "/", PREVIEW),
        ("a.b.preview.localhost", "/", PREVIEW),
        ("preview.localhost", "/", PREVIEW),
        ("abc.preview.localhost", "/ws/0192", PREVIEW),
        ("abc.preview.localhost", "/api/projects", PREVIEW),
        ("xpreview.localhost", "/", None),
        ("preview.localhost.evil.example", "/", None),
        ("evil.example", "/api/projects", None),
        ("192.168.1.1", "/", None),
        ("", "/", None),
        ("localhost", "/metrics", None),
        ("localhost", "/metrics?x=1", None),
        ("localhost", "/metrics/", None),
        ("localhost", "//metrics", None),
        ("localhost", "/./api/../%6Detrics", None),
        ("localhost", "/%2Fmetrics%2f", None),
        ("localhost", "/api/metrics", API),
    ],
)
async def test_a_request_goes_by_its_host_and_then_by_its_path(
    host: str, target: str, port: int | None
) -> None:
    assert await port_of(host, target) == port


@pytest.mark.parametrize("target", ["/ws", "/ws/", "/ws/0192?after=1"])
async def test_the_address_of_a_socket_is_for_sockets(target: str) -> None:
    answer = await door().route(head("localhost", target, accept="text/html"))
    assert isinstance(answer, Answer)
    assert answer.status == 426
    assert (b"Upgrade", b"websocket") in answer.headers
    assert answer.body == b"This address is for WebSockets: open it with one.\n"


async def test_metrics_are_not_for_everybody() -> None:
    answer = await door().route(head("localhost", "/metrics"))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body) == (404, b"There is nothing at this address.\n")


async def test_a_bare_address_is_ours_when_we_listen_on_all() -> None:
    assert await port_of("192.168.1.1", "/", any_address=True) == API
    assert await port_of("evil.example", "/", any_address=True) is None


async def unavailable(accept: str) -> Answer:
    found = await door().route(head("localhost", accept=accept))
    assert isinstance(found, Upstream)
    return found.unavailable(head("localhost", accept=accept))


async def test_a_browser_gets_a_page_that_loads_itself_again() -> None:
    answer = await unavailable("text/html,*/*")
    assert answer.status == 503
    assert (b"Retry-After", b"1") in answer.headers
    assert b'http-equiv="refresh"' in answer.body


async def test_others_get_one_sentence() -> None:
    answer = await unavailable("application/json")
    assert answer.status == 503
    assert answer.body.startswith(b"This part of Atelier is starting")
