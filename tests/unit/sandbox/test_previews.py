"""Names, headers, paths and pages of previews."""

from uuid import UUID, uuid4

import pytest

from sandbox.application.parts import Site
from sandbox.domain.previews.headers import to_app, to_browser, with_modules
from sandbox.domain.previews.name import preview_name, read_preview_name
from sandbox.domain.previews.pages import OPENED, missing_page, waiting_page
from sandbox.domain.previews.static_site import (
    candidates,
    content_type,
    is_refused,
    page_of_folder,
    part_of,
    with_reload,
)
from sandbox.domain.retry import Backoff

PROJECT = UUID("12345678-1234-5678-1234-567812345678")
KEY = b"key"


def test_a_name_leads_back_to_its_project() -> None:
    for project in (uuid4() for _ in range(100)):
        assert read_preview_name(preview_name(project, KEY), KEY) == project


def test_a_name_is_a_label_of_a_host() -> None:
    name = preview_name(PROJECT, KEY)
    assert len(name) == 52
    assert name.isalnum()
    assert name == name.lower()


def test_a_name_in_capitals_is_the_same() -> None:
    name = preview_name(PROJECT, KEY)
    assert read_preview_name(name.upper(), KEY) == PROJECT


@pytest.mark.parametrize("at", range(52))
def test_a_name_with_another_letter_leads_nowhere(at: int) -> None:
    name = preview_name(PROJECT, KEY)
    other = "a" if name[at] != "a" else "b"
    assert read_preview_name(f"{name[:at]}{other}{name[at + 1 :]}", KEY) is None


@pytest.mark.parametrize("name", ["", "a" * 51, "a" * 53, "é" * 52, "1" * 52, "-" * 52])
def test_what_is_no_name_leads_nowhere(name: str) -> None:
    assert read_preview_name(name, KEY) is None


def test_another_key_makes_other_names() -> None:
    assert read_preview_name(preview_name(PROJECT, KEY), b"other") is None


def test_a_page_is_told_with_what_it_loads() -> None:
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"Link", b"own")]
    told = with_modules(headers, ["/src/a.tsx", "/@id/b?v=1&c"])
    link = b"</src/a.tsx>;rel=modulepreload,</@id/b?v=1&c>;rel=modulepreload"
    assert told == [*headers, (b"Link", link)]


def test_nothing_but_a_page_is_told_with_what_it_loads() -> None:
    for headers in ([(b"Content-Type", b"application/json")], []):
        assert with_modules(headers, ["/a.js"]) == headers


def test_a_page_that_loads_nothing_that_is_known_is_left_as_it_is() -> None:
    headers = [(b"Content-Type", b"text/html")]
    assert with_modules(headers, []) == headers


@pytest.mark.parametrize(
    "odd",
    [
        "/a>;rel=preload",
        "/a,b",
        "/a\r\nX: y",
        '/"',
        "/a;b",
        "//evil.example/a",
        "/\u00e9",
    ],
)
def test_an_odd_address_is_not_told(odd: str) -> None:
    headers = [(b"Content-Type", b"text/html")]
    assert with_modules(headers, [odd]) == headers
    assert b"/b.js" in with_modules(headers, [odd, "/b.js"])[-1][1]


def test_the_head_of_a_page_stays_small() -> None:
    told = with_modules(
        [(b"Content-Type", b"text/html")],
        [f"/src/{number}.ts" for number in range(999)],
    )
    assert 1000 < len(told[-1][1]) <= 2048


def test_our_cookies_stay_with_us() -> None:
    cookies = b"a=1; better-auth.session_token=s; __Secure-better-auth.x=2;b=3"
    assert to_app([(b"Cookie", cookies)]) == [(b"Cookie", b"a=1; b=3")]
    assert to_app([(b"cookie", b"better-auth.session_token=s")]) == []


@pytest.mark.parametrize(
    "name", [b"X-Real-IP", b"X-Forwarded-For", b"Proxy-Authorization", b"Forwarded"]
)
def test_a_header_about_the_visitor_stays_with_us(name: bytes) -> None:
    assert to_app([(name, b"x"), (b"Accept", b"y")]) == [(b"Accept", b"y")]


@pytest.mark.parametrize(
    ("said", "is_of_app"),
    [
        (b"Bearer eyJhbGciOi.atl_x.y", True),
        (b"Token basic", True),
        (b"raw", True),
        (b"Basic YTpi", False),
        (b"negotiate x", False),
        (b"Digest username=a", False),
        (b"Bearer atl_x", False),
        (b"ATL_x", False),
    ],
    ids=range(8),
)
def test_an_app_gets_what_its_own_page_signs_in_with(
    said: bytes, *, is_of_app: bool
) -> None:
    header, asked = (b"Authorization", said), (b"Sec-Fetch-Site", b"same-origin")
    assert to_app([header, asked]) == ([header, asked] if is_of_app else [asked])


@pytest.mark.parametrize("site", [b"same-site", b"cross-site", b"none", None])
def test_nobody_but_a_page_of_the_app_signs_in_there(site: bytes | None) -> None:
    said = [] if site is None else [(b"Sec-Fetch-Site", site)]
    assert to_app([(b"Authorization", b"Bearer theirs"), *said]) == said


@pytest.mark.parametrize(
    "header",
    [
        (b"WWW-Authenticate", b'Bearer, BASIC realm="a"'),
        (b"Set-Cookie", b"a=1; domain=example.com"),
        (b"Set-Cookie", b"a=1 ; Path=/ ; DOMAIN = x"),
        (b"Set-Cookie", b"better-auth.session_token=fixed"),
        (b"Clear-Site-Data", b"*"),
        (b"Service-Worker-Allowed", b"/"),
        (b"Strict-Transport-Security", b"max-age=1"),
        (b"Alt-Svc", b"h3"),
        (b"X-Frame-Options", b"DENY"),
    ],
    ids=lambda header: header[0].decode(),
)
def test_a_header_that_reaches_beyond_the_app_is_dropped(
    header: tuple[bytes, bytes],
) -> None:
    kept = (b"Set-Cookie", b"domainlike=1; Path=/")
    passed = to_browser([header, kept])
    assert header not in passed
    assert kept in passed


@pytest.mark.parametrize(
    ("cookie", "framed"),
    [
        (b"a=1", b"a=1; SameSite=None; Secure; Partitioned"),
        (
            b"a=1; Path=/; SameSite=Strict;HttpOnly; Secure",
            b"a=1; Path=/;HttpOnly; SameSite=None; Secure; Partitioned",
        ),
        (b"samesite=1; partitioned", b"samesite=1; SameSite=None; Secure; Partitioned"),
    ],
    ids=range(3),
)
def test_a_cookie_is_kept_in_a_frame_too(cookie: bytes, framed: bytes) -> None:
    given = [(b"Set-Cookie", cookie)]
    assert to_browser(given)[:-3] == given
    assert to_browser(given, is_secure=True)[:-3] == [*given, (b"Set-Cookie", framed)]


@pytest.mark.parametrize(
    ("url", "host", "is_secure"),
    [
        ("http://x.preview.localhost:3000/", "x.preview.localhost:3000", True),
        ("https://x.example.com/", "x.example.com", True),
        ("http://x.example.com/", "x.example.com", False),
        ("http://localhost.example.com/", "localhost.example.com", False),
    ],
    ids=range(4),
)
def test_where_browsers_keep_secure_cookies(
    url: str, host: str, *, is_secure: bool
) -> None:
    assert Site(url, host).is_secure == is_secure


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        (b"default-src 'self'; frame-ancestors 'none'", b"default-src 'self';"),
        (b"Frame-Ancestors 'self';script-src x", b";script-src x"),
        (b"img-src x, frame-ancestors a b, font-src y", b"img-src x,, font-src y"),
        (b"frame-ancestors", b""),
        (
            b"default-src frame-ancestors-are-here",
            b"default-src frame-ancestors-are-here",
        ),
    ],
    ids=range(5),
)
def test_an_app_does_not_choose_who_frames_it(given: bytes, passed: bytes) -> None:
    for name in (b"Content-Security-Policy", b"content-security-policy-report-only"):
        assert to_browser([(name, given)])[0] == (name, passed)


@pytest.mark.parametrize(
    "path",
    [
        *("/..", "/a/../b", "/%2e%2e/x", "/a/%2E%2E%2fb", "/..%5cx", "/a%00"),
        *("/@fs/etc", "/%40fs/x", "/@FS", "/a/@fs/b"),
    ],
)
def test_a_path_out_of_the_app_is_refused(path: str) -> None:
    assert is_refused(path)


@pytest.mark.parametrize("path", ["/", "/a..b", "/@vite/client", "/src/@fsx.ts"])
def test_a_path_of_the_app_is_not(path: str) -> None:
    assert not is_refused(path)


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("/", ["index.html"]),
        ("/docs/", ["docs/index.html"]),
        ("/a%20b.css", ["a b.css", "a b.css.html", "a b.css/index.html"]),
        ("/.env", []),
        ("/a/.git/config", []),
    ],
)
def test_a_path_names_files(path: str, files: list[str]) -> None:
    assert candidates(path) == files


@pytest.mark.parametrize(
    ("path", "found", "place"),
    [
        ("/docs", "docs/index.html", "/docs/"),
        ("//a b/%3F", "a b/?/index.html", "/a%20b/%3F/"),
        ("/docs/", "docs/index.html", None),
        ("/docs/index.html", "docs/index.html", None),
        ("/docs", "docs.html", None),
        ("/", "index.html", None),
    ],
)
def test_a_folder_ends_with_a_slash(path: str, found: str, place: str | None) -> None:
    assert page_of_folder(path, found) == place


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-", range(10)),
        ("bytes=2-4", range(2, 5)),
        ("bytes=8-99", range(8, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(10)),
        ("bytes=10-", range(10, 10)),
        ("bytes=-0", range(10, 10)),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
    ],
)
def test_a_part_of_a_file_is_named_by_its_bytes(
    wanted: str, part: range | None
) -> None:
    assert part_of(wanted, 10) == part


def test_types_are_told_by_names() -> None:
    assert content_type("a/b.MJS") == "text/javascript; charset=utf-8"
    assert content_type("LICENSE") == "application/octet-stream"


def test_the_script_stands_at_the_end_of_the_page() -> None:
    page = with_reload(b"<body>x</BODY ></html>", "token")
    before, script, after = page.partition(b"<script>")
    assert before.strip() == b"<body>x"
    assert script
    assert after.endswith(b"</BODY ></html>")
    assert with_reload(b"x", "t").startswith(b"x\n<script>")


def test_a_log_cannot_become_a_page() -> None:
    page = waiting_page(None, "<b>", "</pre><script>alert(1)</script>")
    assert "<script>alert" not in page
    assert "&lt;b&gt;" in page
    assert "<pre>" not in missing_page()


def test_a_page_in_place_of_an_answer_is_not_loaded_again_for_nothing() -> None:
    assert OPENED in waiting_page(None, None, "")
    assert OPENED not in waiting_page(None, None, "", is_open=True)


def test_each_quick_death_doubles_the_pause() -> None:
    backoff = Backoff()
    backoff.failed(100.0)
    assert [backoff.may_start(100.0 + s) for s in (0, 1.9, 2)] == [False, False, True]
    backoff.failed(102.0)
    assert [backoff.may_start(102.0 + s) for s in (3.9, 4)] == [False, True]


def test_a_long_life_ends_the_pauses() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff.failed(0.0)
    assert not backoff.may_start(59.9)
    backoff.failed(100.0, ran_s=61.0)
    assert backoff.may_start(102.0)
    backoff.reset()
    assert backoff.may_start(0.0)
