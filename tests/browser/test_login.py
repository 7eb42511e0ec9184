"""Logging in and out in a real browser, at the stack's own issuer."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from stack import LocalStack
from tests.browser.campaign import Campaign

pytestmark = pytest.mark.browser


async def test_in_at_the_issuer_and_out_again(page: Page, campaign: Campaign, system: LocalStack) -> None:
    await page.goto(f"{campaign.page}?as_of=2024-10-02")
    who = page.locator("header .who")
    needs_a_role = page.get_by_role("link", name="schools", exact=True)
    await expect(needs_a_role).to_have_count(0)  # a link that would be refused is no link
    await who.get_by_role("link", name="Masuk").click()
    await expect(page).to_have_url(re.compile(re.escape(f"{system.issuer}/authorize?")))
    await page.get_by_role("button", name="coordinator").click()
    await expect(page).to_have_url(f"{system.urls['reporting']}{campaign.page}")
    await expect(who).to_contain_text("Coordinator (lokal)")
    await expect(needs_a_role).to_have_count(1)
    (cookie,) = [each for each in await page.context.cookies() if each["name"] == "jb_reporting"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Lax", False)
    assert await page.evaluate("document.cookie") == ""
    await expect(page.locator("body")).to_have_attribute("data-live", "on")

    await who.get_by_role("button", name="Keluar").click()
    await expect(who.get_by_role("link", name="Masuk")).to_be_visible()
    await page.context.add_cookies([cookie])
    await page.goto(campaign.page)
    await expect(who.get_by_role("link", name="Masuk")).to_be_visible()
