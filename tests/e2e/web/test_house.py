"""An installation of one's own: who comes in, what may be spent, how apps look."""

import shutil
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.support.browser import LOOKS, Look, findings, shoot, sign_in, window
from tests.support.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, issuer
from tests.support.servers import server_folder
from tests.support.stack import Person, Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUN_TIMEOUT_MS = 120_000


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Issuer]:
    with issuer() as started:
        yield started


@pytest.fixture(scope="module")
def house(elsewhere: Issuer) -> Iterator[Stack]:
    """Nobody has been here; apps are looked at; people may sign in elsewhere, too."""
    settings = {
        "DEMO_CHARACTERS_PER_SECOND": "6000",
        "SANDBOX_PAGE_CHECK": "true",
        "MAX_DAY_COST_USD": "50",
        "OIDC_ISSUER": elsewhere.url,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_NAME": "Example",
    }
    with server_folder() as folder, Stack(folder, **settings) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def first(house: Stack) -> AsyncIterator[Person]:
    """Whoever came first, and administers."""
    async with person(house) as somebody:
        yield somebody


async def test_the_first_person_decides_who_may_come_in(
    browser: Browser, house: Stack, first: Person, axe: str
) -> None:
    async with person(house) as bob, window(browser, "desktop") as page:
        await sign_in(page, first)
        await page.goto(f"{house.url}/account")
        await page.get_by_test_id("administration-link").click()
        await expect(page.get_by_test_id("user")).to_have_count(2)
        await page.get_by_test_id("invite").click()
        await expect(page.get_by_test_id("secret")).to_contain_text("/sign-up?")
        await expect(page.get_by_test_id("invitation")).to_have_count(1)
        assert await findings(page, axe) == []
        await shoot(page, "administration-desktop")
        nobody = page.get_by_label("Nobody may make an account")
        await nobody.click()
        await expect(nobody).to_be_checked()
        await page.get_by_test_id("disable-user").click()
        await expect(page.get_by_test_id("disable-user")).to_have_text("Enable")
        refused = await bob.http.get("/api/projects")
        assert refused.status_code == httpx.codes.UNAUTHORIZED
        anybody = page.get_by_label("Anybody may make an account")
        await anybody.click()
        await expect(anybody).to_be_checked()


async def test_what_may_be_spent_is_chosen_on_the_page_and_ends_runs(
    browser: Browser, house: Stack, first: Person
) -> None:
    async with window(browser, "desktop") as page:
        await sign_in(page, first)
        await page.goto(f"{house.url}/administration")
        limits = page.get_by_test_id("limits")
        fixed = limits.get_by_label("Everybody, $")
        await expect(fixed).to_have_value("50")
        await expect(fixed).to_be_disabled()
        tokens = limits.get_by_role("group", name="A run, in tokens")
        await tokens.get_by_label("Maximum").fill("2000")
        await limits.get_by_label("One person, $").fill("20")
        await page.get_by_test_id("save-limits").click()
        await expect(limits.get_by_role("status")).to_contain_text("Saved")
        await page.reload()
        await expect(tokens.get_by_label("Maximum")).to_have_value("2000")
        project = await first.create_project("a kanban board")
        await page.goto(f"{house.url}/projects/{project}?start=true")
        ended = page.get_by_test_id("generation-error")
        await expect(ended).to_contain_text("limit of tokens", timeout=RUN_TIMEOUT_MS)
        await expect(page.get_by_test_id("retry")).to_be_visible()
        await page.get_by_test_id("usage").click()
        await expect(page.get_by_test_id("limit")).to_contain_text("of 2K")
        await shoot(page, "workspace-limit-reached")
        await page.goto(f"{house.url}/account")
        await expect(page.get_by_test_id("limit")).to_contain_text("of $20.00")
        await shoot(page, "account-limit-desktop", whole=True)
    answer = await first.http.patch("/api/admin/limits", json={"maxRunTokens": None})
    assert answer.json()["limits"]["maxRunTokens"] is None


async def test_nobody_else_may_change_limits(house: Stack, first: Person) -> None:
    assert (await first.get("/api/limits"))["fixed"] == ["dayUsd"]
    async with person(house) as bob:
        seen = await bob.get("/api/limits")
        assert seen["limits"]["dayUsd"] == 50
        refused = await bob.http.patch("/api/admin/limits", json={"runUsd": 9})
        assert refused.status_code == httpx.codes.FORBIDDEN
    fixed = await first.http.patch("/api/admin/limits", json={"dayUsd": 9})
    assert fixed.status_code == httpx.codes.CONFLICT


async def test_a_project_is_known_by_how_its_app_looks(
    browser: Browser, house: Stack, first: Person
) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("pages are looked at only where bubblewrap is installed")
    project = await first.create_project("a kanban board")
    async with first.socket(project) as socket:
        await socket.build()
    await first.project_as(project, "complete")
    for look in LOOKS:
        async with window(browser, look.size, dark=look.dark) as page:
            await sign_in(page, first)
            await page.goto(f"{house.url}/projects")
            item = page.locator(f"[data-testid=project-item][data-project='{project}']")
            picture = item.get_by_test_id("project-picture").locator("img")
            await expect(picture).to_be_visible()
            await picture.evaluate("(picture) => picture.decode()")
            await shoot(page, f"projects-picture-{look}")


async def test_somebody_signs_in_elsewhere_and_finds_the_prompt_again(
    browser: Browser, house: Stack, elsewhere: Issuer
) -> None:
    elsewhere.person = {
        "sub": uuid4().hex,
        "email": f"{uuid4().hex}@example.org",
        "email_verified": True,
        "name": "Grace",
    }

    async def recognize(route: Route) -> None:
        state, code = elsewhere.grant(route.request.url)
        back = f"{house.url}/api/auth/callback/oidc?state={state}&code={code}"
        await route.fulfill(status=302, headers={"location": back})

    async with window(browser, "phone") as page:
        await page.route(f"{elsewhere.url}/authorize**", recognize)
        await page.goto(house.url)
        await page.get_by_test_id("prompt-box").fill("a focus timer")
        await page.get_by_test_id("prompt-submit").click()
        button = page.get_by_test_id("sign-in-elsewhere")
        await expect(button).to_have_text("Continue with Example")
        await shoot(page, "sign-up-elsewhere-phone")
        await button.click()
        await expect(page.get_by_test_id("project-name")).to_have_text("Focus timer")


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_axe_finds_nothing_on_the_page_of_an_administrator(
    browser: Browser, house: Stack, first: Person, axe: str, look: Look
) -> None:
    async with window(browser, look.size, dark=look.dark) as page:
        await sign_in(page, first)
        await page.goto(f"{house.url}/administration")
        await expect(page.get_by_test_id("save-limits")).to_be_visible()
        await shoot(page, f"administration-{look}", whole=True)
        assert await findings(page, axe) == []
