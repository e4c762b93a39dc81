"""The page, its files, and what is public."""

import gzip
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from tests.support.backend import Backend, backend_of
from tests.support.servers import PostgresServer, server_folder

HTML = "text/html; charset=utf-8"
INDEX = "<!doctype html><title>Atelier</title>" + " " * 1000
SCRIPT = "console.log(1);" * 100


def build(folder: Path) -> None:
    """Write what a build of the web client leaves."""
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "index-abc.js").write_text(SCRIPT)
    (folder / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "index.html.gz").write_bytes(gzip.compress(INDEX.encode()))
    (folder / "index.html").write_text(INDEX)


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built client, empty at first."""
    return tmp_path_factory.mktemp("web") / "static"


@pytest.fixture(scope="module")
def page_backend(static: Path, postgres_server: PostgresServer) -> Iterator[Backend]:
    """An api that serves that folder."""
    with (
        server_folder() as folder,
        backend_of(
            folder,
            postgres_server,
            STATIC_DIR=str(static),
            DEMO_MODEL="1",
            PUBLIC_URL="https://atelier.example",
            PREVIEW_DOMAIN="preview.example",
        ) as started,
    ):
        with started.client() as http:
            unbuilt = http.get("/")
            assert "make run" in unbuilt.text
            assert unbuilt.headers["cache-control"] == "no-store"
        build(static)
        yield started


@pytest.fixture
def browser(page_backend: Backend) -> Iterator[httpx.Client]:
    """Somebody who looks at the page."""
    with page_backend.client(Accept="text/html,*/*;q=0.8") as http:
        yield http


@pytest.mark.parametrize("path", ["/", "/projects", "/projects/some-id", "/sign-in"])
def test_each_view_is_the_page(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["content-type"] == HTML
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.text == INDEX


def test_programs_are_told_name_and_version(page_backend: Backend) -> None:
    with page_backend.client(Accept="application/json") as program:
        answer = program.get("/")
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"name", "version"}


def test_assets_are_kept_for_ever_and_come_compressed(browser: httpx.Client) -> None:
    answer = browser.get("/assets/index-abc.js")
    assert answer.text == SCRIPT
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    cached = answer.headers["cache-control"]
    assert cached == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", ""])
def test_who_cannot_decompress_gets_it_plain(
    browser: httpx.Client, accepted: str
) -> None:
    header = {"Accept-Encoding": accepted}
    answer = browser.get("/assets/index-abc.js", headers=header)
    assert "content-encoding" not in answer.headers
    assert answer.text == SCRIPT


def test_files_beside_the_page_are_served(browser: httpx.Client) -> None:
    answer = browser.get("/icon.svg")
    assert (answer.text, answer.headers["content-type"]) == ("<svg/>", "image/svg+xml")


def test_what_has_not_changed_is_not_sent_again(browser: httpx.Client) -> None:
    tag = browser.get("/").headers["etag"]
    answer = browser.get("/", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (HTTPStatus.NOT_MODIFIED, b"")


def test_head_says_what_get_would(browser: httpx.Client) -> None:
    answer = browser.head("/")
    assert (answer.status_code, answer.content) == (HTTPStatus.OK, b"")
    assert answer.headers["content-type"] == HTML


def test_the_page_may_load_itself_and_frame_previews(browser: httpx.Client) -> None:
    policy = dict(
        re.split(r"\s+", directive.strip(), maxsplit=1)
        for directive in browser.get("/").headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' wss://atelier.example"
    assert policy["frame-src"] == "https://*.preview.example"
    assert policy["frame-ancestors"] == "'none'"


def test_on_https_browsers_stay_there_and_so_does_the_cookie(
    page_backend: Backend,
) -> None:
    with page_backend.person() as person:
        answer = person.get("/api/auth/get-session")
        cookies = list(person.cookies.jar)
    assert answer.headers["strict-transport-security"]
    assert [cookie.name for cookie in cookies] == ["__Secure-better-auth.session_token"]
    assert all(cookie.secure for cookie in cookies)


def test_anybody_may_know_which_model_answers(browser: httpx.Client) -> None:
    config = browser.get("/api/config").json()
    assert config["demoModel"] is True
    assert config["previewDomain"] == "preview.example"
    assert config["publicUrl"] == "https://atelier.example"
    assert config["version"]
    assert (config["appsApart"], config["isolation"]) == (None, None)


def test_a_new_build_is_served_without_a_restart(
    browser: httpx.Client, static: Path
) -> None:
    newer = INDEX.replace("Atelier", "Newer")
    (static / "index.html.gz").write_bytes(gzip.compress(newer.encode()))
    (static / "index.html").write_text(newer)
    assert browser.get("/").text == newer
    (static / "index.html.gz").write_bytes(gzip.compress(INDEX.encode()))
    (static / "index.html").write_text(INDEX)
    assert browser.get("/").text == INDEX
