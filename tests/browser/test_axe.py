"""axe finds nothing on any page, in any of its looks; the looks are kept as pictures."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page

from stack import LocalStack
from tests.browser.campaign import Campaign
from tests.browser.looks import SCREENSHOTS, looks, screenshot, violations

pytestmark = pytest.mark.browser
CHOSEN = "?as_of=2024-10-02&known_at=2024-10-02T23:59:59"


async def test_axe_objects_to_nothing(browser: Browser, system: LocalStack, campaign: Campaign) -> None:
    for path in (campaign.page, campaign.page + CHOSEN, "/", "/campaigns/unknown"):
        async for look, page in looks(browser, system.urls["reporting"] + path):
            await page.locator("summary").evaluate_all("all => all.forEach((one) => one.click())")
            assert await violations(page) == [], (path, look)


async def test_what_axe_is_there_for_is_found(page: Page, campaign: Campaign) -> None:
    await page.goto(campaign.page)
    await page.locator("html").evaluate("html => html.removeAttribute('lang')")
    assert any(violation.startswith("html-has-lang") for violation in await violations(page))


async def test_the_looks_of_the_campaigns_page_are_kept(
    browser: Browser, system: LocalStack, campaign: Campaign
) -> None:
    await screenshot(browser, system.urls["reporting"] + campaign.page, "campaign")
    for look in ("wide-light", "wide-dark", "phone-light", "phone-dark"):
        assert (SCREENSHOTS / f"campaign-{look}.png").stat().st_size > 10_000
