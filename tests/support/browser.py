"""What stories in a real browser share: people, windows, pictures."""

import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import httpx
import pytest
from playwright._impl._api_structures import SetCookieParam
from playwright.async_api import (
    Browser,
    BrowserContext,
    FrameLocator,
    Page,
    WebSocketRoute,
    async_playwright,
    expect,
)

from tests.support.again import patient_client
from tests.support.polling import until
from tests.support.stack import ROOT, Message, Person, Stack, person

AXE = ROOT / "services/web/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENSHOTS = ROOT / "test-results"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
Size: TypeAlias = Literal["desktop", "phone"]
SIZES: dict[Size, tuple[int, int]] = {"desktop": (1440, 900), "phone": (390, 844)}


@dataclass(frozen=True)
class Look:
    """A size of the window in one of the two schemes of colours."""

    size: Size
    dark: bool

    def __str__(self) -> str:
        """Return what pictures of it are called."""
        return f"{self.size}-{'dark' if self.dark else 'light'}"


LOOKS = [Look(size, dark) for size in SIZES for dark in (False, True)]
PATIENCE_MS = 20_000
"""How long a story waits for anything; the machine may be busy."""

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Studio:
    """Somebody's project and the cookies that open it."""

    stack: Stack
    project: str
    cookies: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)
    """What was built, by path."""

    @property
    def url(self) -> str:
        """The workspace of the project."""
        return f"{self.stack.url}/projects/{self.project}"

    def http(self) -> httpx.AsyncClient:
        """Return a client that is signed in as the project's owner."""
        return patient_client(self.stack.url, cookies=self.cookies)

    async def save(self, path: str, content: str) -> None:
        """Save a file as another page of the same person does."""
        async with self.http() as http:
            answer = await http.put(
                f"/api/project-files/{self.project}",
                json={"path": path, "content": content},
            )
            assert answer.status_code == httpx.codes.OK, answer.text

    async def content(self, path: str) -> str:
        """Return what the server has of a file."""
        async with self.http() as http:
            answer = await http.get(f"/api/project-files/{self.project}")
            files = {file["path"]: str(file["content"]) for file in answer.json()}
            return files[path]

    async def saved(self, path: str, is_it: Callable[[str], bool]) -> None:
        """Wait until the server has what a page has saved of a file."""

        async def there() -> bool:
            try:
                return is_it(await self.content(path))
            except KeyError:  # a new file
                return False

        await until(there, f"{path} is saved")


async def build_studio(stack: Stack, description: str = "a kanban board") -> Studio:
    """Build an app and return whose it is and where."""
    async with person(stack) as owner:
        project = await owner.create_project(description)
        async with owner.socket(project, after=0) as socket:
            await socket.build()
        await owner.project_as(project, "complete")
        files = await owner.get(f"/api/project-files/{project}")
        contents = {file["path"]: file["content"] for file in files}
        return Studio(stack, project, dict(owner.http.cookies), contents)


def cookies_of(stack: Stack, cookies: dict[str, str]) -> list[SetCookieParam]:
    """Return *cookies* as a browser takes them."""
    return [
        {"name": name, "value": value, "url": stack.url}
        for name, value in cookies.items()
    ]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Lend a browser that a person has; each test opens a context of its own."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on the PATH: install Debian's package `chromium`")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=found, args=ARGUMENTS
        )
        yield launched
        await launched.close()


@asynccontextmanager
async def window(
    browser: Browser, size: Size, studio: Studio | None = None, *, dark: bool = False
) -> AsyncIterator[Page]:
    """Open a window of *size*, signed in where a studio is given."""
    width, height = SIZES[size]
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        has_touch=size == "phone",
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        if studio is not None:
            await context.add_cookies(cookies_of(studio.stack, studio.cookies))
        yield await context.new_page()
    finally:
        await context.close()


def preview(page: Page) -> FrameLocator:
    """Return the app inside the page."""
    return page.frame_locator("[data-testid=preview-frame]")


async def shoot(page: Page, name: str, *, whole: bool = False) -> Path:
    """Keep a picture under test-results; *whole*: what is below the fold, too."""
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    await page.screenshot(path=path, animations="disabled", full_page=whole)
    return path


async def sign_in(page: Page, somebody: Person) -> None:
    """Give the page the session of *somebody*."""
    await page.context.add_cookies(
        cookies_of(somebody.stack, dict(somebody.http.cookies))
    )


class Voice:
    """Speaks on the socket of a page, beside the server."""

    def __init__(self) -> None:
        self._sockets: list[WebSocketRoute] = []

    def join(self, socket: WebSocketRoute) -> None:
        """Come between a page and the server; all that they say passes."""
        socket.connect_to_server()
        self._sockets.append(socket)

    def say(self, type_: str, *, seq: int | None = None, **data: object) -> None:
        """Have the page hear a message; with *seq* it is a recorded event."""
        message: Message = {"type": type_, "data": data}
        if seq is not None:
            message["seq"] = seq
        self._sockets[-1].send(json.dumps(message))

    async def hang_up(self, page: Page) -> None:
        """Close the socket, and every one that the page opens from now on."""
        await page.route_web_socket("**/ws/**", lambda socket: socket.close())
        await self._sockets[-1].close()


async def eavesdrop(page: Page) -> Voice:
    """Return who speaks on the sockets that *page* opens from now on."""
    voice = Voice()
    await page.route_web_socket("**/ws/**", voice.join)
    return voice


async def findings(page: Page, axe: str) -> list[str]:
    """Return what axe finds; the app in the frame is not ours."""
    await page.evaluate(axe)
    options = json.dumps(
        {"iframes": False, "runOnly": RULES, "resultTypes": ["violations"]}
    )
    found = await page.evaluate(f"axe.run(document, {options})")
    return [
        f"{page.url} {one['id']}: {node['html'][:200]} {node['any'][:1]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
