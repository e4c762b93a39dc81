"""Somebody finds a project, looks after an account, and runs the place."""

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.support.browser import Size, shoot, sign_in, window
from tests.support.stack import Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("size", ["desktop", "phone"])


@BOTH
async def test_projects_are_searched_sorted_and_chosen_by_status(
    browser: Browser, stack: Stack, size: Size
) -> None:
    async with person(stack) as ada, window(browser, size) as page:
        await sign_in(page, ada)
        for description in ("a timer", "a kanban board", "a list of birds"):
            answer = await ada.http.post(
                "/api/projects", json={"name": description, "description": ""}
            )
            assert answer.status_code == httpx.codes.OK
        await page.goto(f"{stack.url}/projects")
        items = page.get_by_test_id("project-item")
        await expect(items).to_have_count(3)
        await page.get_by_test_id("project-sort").select_option("name")
        await expect(items.first).to_contain_text("a kanban board")
        await page.get_by_test_id("project-search").fill("BIRDS list")
        await expect(items).to_have_count(1)
        await shoot(page, f"projects-search-{size}")
        await page.get_by_test_id("project-status").select_option("running")
        await expect(page.get_by_test_id("projects-none")).to_be_visible()
        await page.get_by_test_id("projects-none").get_by_role("button").click()
        await expect(items).to_have_count(3)


@BOTH
async def test_sessions_are_listed_and_others_are_ended(
    browser: Browser, stack: Stack, size: Size
) -> None:
    async with person(stack) as ada, window(browser, size) as page:
        session = (await ada.http.get("/api/auth/get-session")).json()
        await ada.http.post(
            "/api/auth/sign-in/email",
            json={
                "email": session["user"]["email"],
                "password": "correct horse battery",
            },
        )
        async with httpx.AsyncClient(base_url=stack.url) as elsewhere:
            answer = await elsewhere.post(
                "/api/auth/sign-in/email",
                json={
                    "email": session["user"]["email"],
                    "password": "correct horse battery",
                },
            )
            assert answer.status_code == httpx.codes.OK
            await sign_in(page, ada)
            await page.goto(f"{stack.url}/account")
            listed = page.get_by_test_id("session")
            await expect(listed).to_have_count(2)
            await shoot(page, f"account-{size}")
            await page.get_by_test_id("revoke-others").click()
            await expect(listed).to_have_count(1)
            gone = await elsewhere.get("/api/projects")
            assert gone.status_code == httpx.codes.UNAUTHORIZED


async def test_a_token_is_shown_once_works_and_is_revoked(
    browser: Browser, stack: Stack
) -> None:
    async with person(stack) as ada, window(browser, "desktop") as page:
        await sign_in(page, ada)
        await page.goto(f"{stack.url}/account")
        tokens = page.get_by_test_id("tokens")
        await tokens.get_by_label("Name").fill("CI")
        await page.get_by_test_id("create-token").click()
        secret = page.get_by_test_id("secret").locator(".font-mono")
        token = await secret.text_content()
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=stack.url, headers=headers) as program:
            answer = await program.get("/api/projects")
            assert answer.status_code == httpx.codes.OK
            await page.get_by_role("button", name="Revoke CI").click()
            await expect(page.get_by_test_id("token")).to_have_count(0)
            answer = await program.get("/api/projects")
            assert answer.status_code == httpx.codes.UNAUTHORIZED


async def test_who_is_no_administrator_is_told_so(
    browser: Browser, stack: Stack
) -> None:
    async with person(stack), person(stack) as bob, window(browser, "phone") as page:
        await sign_in(page, bob)
        await page.goto(f"{stack.url}/administration")
        await expect(page.get_by_test_id("no-administrator")).to_be_visible()
        await shoot(page, "administration-refused-phone")
