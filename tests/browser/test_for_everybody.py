"""The page is for everybody: on a telephone, in the dark, by keyboard, read aloud; and it talks to nobody else."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from stack import LocalStack
from tests.browser.campaign import FIRST, Campaign

pytestmark = pytest.mark.browser
CONTRAST = Path(__file__).with_name("contrast.js").read_text()
CHOSEN = "?as_of=2024-10-02&known_at=2024-10-02T23:59:59"

# What the accessibility tree calls each control; '' where it has no name.
UNNAMED = """
() => [...document.querySelectorAll("a, button, input, select, summary, [role=img]")]
    .filter((one) => one.checkVisibility())
    .filter((one) => ![one.getAttribute("aria-label"), ...[...one.labels ?? []].map((label) => label.textContent),
                       one.textContent].some((name) => name?.trim()))
    .map((one) => one.outerHTML)
"""
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3, h4')].map((one) => Number(one.tagName[1]))"
# Cells of a table's head say what they are the head of; svg is an image with a name, or hidden from who listens.
LOOSE = """
() => [...document.querySelectorAll("th:not([scope]), table:not(:has(caption))"),
       ...document.querySelectorAll("svg:not([role=img]):not([aria-hidden])")]
    .map((one) => one.outerHTML.slice(0, 200))
"""
FOCUSED = """
() => {
  const one = document.activeElement, style = getComputedStyle(one);
  return [one.tagName, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
}
"""


async def test_no_other_host_is_asked_and_nothing_is_said_in_the_console(
    page: Page, campaign: Campaign, system: LocalStack
) -> None:
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    await page.goto("/")
    await page.goto(campaign.page + CHOSEN)
    await page.goto(campaign.page)
    await expect(page.locator("body")).to_have_attribute("data-live", "on")
    await campaign.record(FIRST, day=6)
    await expect(page.locator("#headline .recorded dd")).to_have_text("5")
    await page.get_by_role("button", name="Terekam").click()
    await page.get_by_label("Cari sekolah").fill("smkn")
    await expect(page.locator("#schools tbody tr:visible")).to_have_count(1)
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith(system.urls["reporting"])] == []
    assert said == []


@pytest.mark.parametrize("width", [320, 390, 1440])
async def test_nothing_is_wider_than_the_screen(page: Page, campaign: Campaign, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 844})
    for path in (campaign.page, campaign.page + CHOSEN, "/", "/campaigns/unknown"):
        await page.goto(path)
        await page.locator("summary").evaluate_all("all => all.forEach((one) => one.click())")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_told_from_what_is_behind_it(
    browser: Browser, system: LocalStack, campaign: Campaign, scheme: Any
) -> None:
    page = await browser.new_page(base_url=system.urls["reporting"], color_scheme=scheme, reduced_motion="reduce")
    for width in (390, 1440):
        await page.set_viewport_size({"width": width, "height": 844})
        for path in (campaign.page, campaign.page + CHOSEN, "/", "/campaigns/unknown"):
            await page.goto(path)
            assert await page.evaluate(CONTRAST) == [], path
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 246, 242)"
    assert light == (scheme == "light")


async def test_on_paper_it_is_dark_on_white_whatever_the_screen_is(
    browser: Browser, system: LocalStack, campaign: Campaign
) -> None:
    page = await browser.new_page(base_url=system.urls["reporting"], color_scheme="dark")
    await page.emulate_media(media="print")
    await page.goto(campaign.page)
    assert await page.evaluate(CONTRAST) == []
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    await expect(page.get_by_role("button", name="Tampilkan")).to_be_hidden()


async def test_a_pale_text_is_found(page: Page, campaign: Campaign) -> None:
    """The test above sees what it is there for."""
    await page.goto(campaign.page)
    await page.locator("h1").evaluate("one => one.style.setProperty('color', '#bbb')")
    assert "Pilkada" in (await page.evaluate(CONTRAST))[0]


@pytest.mark.parametrize("path", ["", CHOSEN])
async def test_everything_has_a_name_and_its_place(page: Page, campaign: Campaign, path: str) -> None:
    await page.goto(campaign.page + path)
    assert await page.evaluate(UNNAMED) == []
    assert await page.evaluate(LOOSE) == []
    levels = await page.evaluate(HEADINGS)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    await expect(page.locator("html")).to_have_attribute("lang", "id")
    for role in ("banner", "main", "contentinfo"):
        await expect(page.get_by_role(role)).to_have_count(1)
    for name in ("Sekolah", "Cakupan", "Terekam", "Target", "Kurang", "Kunjungan berikutnya"):
        await expect(page.locator("#schools").get_by_role("columnheader", name=name)).to_have_count(1)


async def test_whoever_uses_the_keyboard_sees_where_they_are(page: Page, campaign: Campaign) -> None:
    await page.goto(campaign.page)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Langsung ke isi")).to_be_in_viewport()
    seen = []
    while (found := await page.evaluate(FOCUSED))[0] != "BODY":
        seen.append(found)
        await page.keyboard.press("Tab")
    assert {tag for tag, _ in seen} >= {"A", "INPUT", "BUTTON", "SELECT"}
    assert [tag for tag, visible in seen if not visible] == []
