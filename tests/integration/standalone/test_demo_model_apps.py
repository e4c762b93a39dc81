"""The built-in apps in a real browser; the one with TypeScript compiled and served."""

import functools
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from typing_extensions import override

from standalone.ports import free_port
from standalone.program import Program
from tests.support.demo_model import app_toml, lay_out
from tests.support.loopback import answers
from tests.support.npm import NODE, NPM, node_environ
from tests.support.servers import Server, server_folder

STATIC = {"focus": app_toml("focus"), "expenses": app_toml("expenses")}
KANBAN = app_toml("kanban")
STATES = [
    pytest.param(name, [phase["folder"] for phase in app["phases"][:count]], id=name)
    for name, app in STATIC.items()
    for count in range(1, len(app["phases"]) + 1)
]
EDITS = [
    pytest.param(name, edit, id=f"{name}: {edit['name']}")
    for name, app in STATIC.items()
    for edit in app["edits"]
]
SHOWN_TIMEOUT_MS = 20_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's browser, without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium on the PATH")
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh page that fails the test when a script of the app does."""
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(SHOWN_TIMEOUT_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that is served as it is, and where."""
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize(("name", "folders"), STATES)
def test_a_static_app_works_after_each_phase(
    name: str, folders: list[str], site: tuple[Path, str], page: Page
) -> None:
    folder, url = site
    lay_out(name, folder, *folders)
    page.goto(url)
    assert page.locator("h1").inner_text() == STATIC[name]["title"]
    click_changes_the_page(page, STATIC[name]["check"])


@pytest.mark.parametrize(("name", "edit"), EDITS)
def test_a_static_app_still_works_after_an_edit(
    name: str, edit: dict[str, str], site: tuple[Path, str], page: Page
) -> None:
    folder, url = site
    phases = [phase["folder"] for phase in STATIC[name]["phases"]]
    lay_out(name, folder, *phases, edit["folder"])
    page.goto(url)
    page.locator(edit["shows"]).wait_for()
    click_changes_the_page(page, STATIC[name]["check"])


def click_changes_the_page(page: Page, check: dict[str, str]) -> None:
    """Click what `app.toml` names; what it promises is there only afterwards."""
    assert page.locator(check["shows"]).count() == 0
    page.locator(check["click"]).click()
    page.locator(check["shows"]).wait_for()


# --- the app with dependencies ----------------------------------------------------


class Vite(Server):
    """The app's development server."""

    def __init__(self, app: Path, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        script = app / "node_modules/vite/bin/vite.js"
        address = ("--host", "127.0.0.1", "--port", str(port), "--strictPort")
        argv = (str(NODE), str(script), *address)
        super().__init__(Program("vite", argv, os.environ, cwd=app), folder)

    @override
    def is_ready(self) -> bool:
        return answers(self.url)


@pytest.fixture(scope="module")
def kanban() -> Iterator[Path]:
    """The app with its packages installed."""
    with server_folder() as folder:
        lay_out("kanban", folder, "phase-1")
        install = [*NPM, "install", "--no-audit", "--no-fund", "--prefer-offline"]
        outcome = run_node(install, folder)
        if outcome.returncode != 0:
            pytest.skip(f"npm cannot install the app: {outcome.stderr[-300:]}")
        yield folder


@pytest.mark.parametrize(
    "folders",
    [["phase-1"], *(["phase-1", edit["folder"]] for edit in KANBAN["edits"])],
    ids="-".join,
)
def test_the_app_in_typescript_has_no_type_error(
    folders: list[str], kanban: Path
) -> None:
    lay_out("kanban", kanban, *folders)
    outcome = run_node(
        [str(NODE), "node_modules/typescript/bin/tsc", "--noEmit"], kanban
    )
    assert outcome.stdout == ""
    assert outcome.returncode == 0


@pytest.mark.parametrize("edit", KANBAN["edits"], ids=lambda edit: edit["folder"])
def test_an_edit_reaches_the_open_page_without_a_restart(
    edit: dict[str, str], kanban: Path, tmp_path: Path, page: Page
) -> None:
    lay_out("kanban", kanban, "phase-1")
    with Vite(kanban, tmp_path) as vite:
        page.goto(vite.url)
        assert page.locator("h1").inner_text() == KANBAN["title"]
        click_changes_the_page(page, KANBAN["check"])
        assert page.locator(edit["shows"]).count() == 0
        lay_out("kanban", kanban, edit["folder"])
        page.locator(edit["shows"]).wait_for()


def run_node(argv: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of Node in *folder* to its end."""
    return subprocess.run(
        argv,
        cwd=folder,
        env=node_environ(),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
