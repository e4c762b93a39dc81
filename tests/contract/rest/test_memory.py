"""Bodies that are coming: how many there may be, and who is refused then."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus

import httpx
import pytest

from tests.support.backend import TODO, Backend, Partial, backend_of, partial
from tests.support.polling import wait_until
from tests.support.servers import PostgresServer, server_folder

MIB = 1024 * 1024
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


@pytest.fixture(scope="module")
def small(postgres_server: PostgresServer) -> Iterator[Backend]:
    """An api that has room for 6 MiB of files, and for 3 of one person."""
    with (
        server_folder() as folder,
        backend_of(folder, postgres_server, BODY_MEMORY_BYTES=str(8 * MIB)) as started,
    ):
        yield started


@pytest.fixture
def ada(small: Backend) -> Iterator[httpx.Client]:
    with small.person() as somebody:
        yield somebody


@pytest.fixture
def assets(ada: httpx.Client) -> str:
    return assets_of(ada)


def assets_of(person: httpx.Client) -> str:
    """Return where files of a project go."""
    project = person.post("/api/projects", json=TODO).json()["id"]
    return f"/api/projects/{project}/assets?path=a.bin"


def session(person: httpx.Client) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{k}={v}" for k, v in person.cookies.items())}


def held(backend: Backend) -> float:
    """Return how many bytes of bodies the api has in memory."""
    with backend.client() as client:
        lines = client.get("/metrics").text.splitlines()
    return next(
        float(line.split()[1]) for line in lines if line.startswith("http_body_bytes ")
    )


def upload(
    backend: Backend, ada: httpx.Client, path: str
) -> AbstractContextManager[Partial]:
    """Begin to send a file of 3 MiB, all of it but the last byte."""
    headers = {**session(ada), "Content-Type": "application/octet-stream"}
    return partial(backend, "PUT", path, headers, 3 * MIB, 3 * MIB - 1)


def test_beyond_what_fits_it_is_503_and_small_bodies_are_taken(
    small: Backend, ada: httpx.Client, assets: str
) -> None:
    with (
        small.person() as eve,
        small.person() as bob,
        upload(small, bob, assets_of(bob)),
        upload(small, eve, assets_of(eve)),
    ):
        wait_until(lambda: held(small) >= 6 * MIB - 2, "bodies are held")
        refused = ada.put(assets, content=b"x" * MIB)
        created = ada.post("/api/projects", json=TODO)
    assert refused.text == "Too much is being sent at this moment, try again"
    assert refused.headers["retry-after"] == "1"
    assert created.status_code == HTTPStatus.OK
    wait_until(lambda: held(small) == 0, "nothing is held")


def test_nobody_takes_the_room_of_all(
    small: Backend, ada: httpx.Client, assets: str
) -> None:
    with small.person() as eve, upload(small, ada, assets):
        wait_until(lambda: held(small) >= 3 * MIB - 1, "bodies are held")
        refused = ada.put(assets, content=b"x" * MIB)
        taken = eve.put(assets_of(eve), content=b"x" * MIB)
    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert taken.status_code == HTTPStatus.OK


def test_a_body_that_is_finished_gives_its_room_back(
    small: Backend, ada: httpx.Client, assets: str
) -> None:
    for _ in range(5):
        with upload(small, ada, assets) as sending:
            sending.send(b"x")
            assert sending.status() == HTTPStatus.OK


def test_who_sends_zips_slowly_delays_nobody_else(
    small: Backend, ada: httpx.Client, assets: str
) -> None:
    path = assets.replace("assets?path=a.bin", "import/zip")
    headers = {"Content-Type": "application/zip"}
    with small.person() as eve, ExitStack() as slow:
        theirs = assets_of(eve).replace("assets?path=a.bin", "import/zip")
        for _ in range(5):
            one = partial(small, "POST", path, {**session(ada), **headers}, MIB, 1)
            slow.enter_context(one)
        wait_until(lambda: held(small) == 1, "one is held")
        answer = eve.post(theirs, content=EMPTY_ZIP, headers=headers)
        assert answer.status_code == HTTPStatus.OK


def test_zips_are_not_read_before_it_is_their_turn(
    small: Backend, ada: httpx.Client, assets: str
) -> None:
    path = assets.replace("assets?path=a.bin", "import/zip")
    headers = {**session(ada), "Content-Type": "application/zip"}
    with ExitStack() as turns:
        for _ in range(2):  # who sends these has the turns
            turns.enter_context(partial(small, "POST", path, headers, MIB, 1))
        wait_until(lambda: held(small) >= 1, "it is the turn of one of them")
        large = 5 * MIB // 2
        with partial(small, "POST", path, headers, large, large) as third:
            answer = ada.put(assets, content=b"x" * MIB)
            assert answer.status_code == HTTPStatus.OK  # no room, were it not outside
            turns.close()
            assert third.status() == HTTPStatus.UNPROCESSABLE_ENTITY
