"""The figures on the page: they are there, they move, they stand still when a moment was chosen, they come back."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from stack import LocalStack
from tests.browser.campaign import FIRST, SCHOOLS, SECOND, Campaign
from tests.support import until

pytestmark = pytest.mark.browser
RECORDED = "#headline .recorded dd"


def row(group: str) -> str:
    return f"#g-{group.replace(':', '-')}"


async def shows(page: Page, recorded: int, first: int) -> None:
    """That many persons in the headline, and that many of them in the first school's row."""
    await expect(page.locator(RECORDED)).to_have_text(str(recorded))
    await expect(page.locator(f"{row(FIRST)} [data-label=terekam]")).to_have_text(str(first))


async def test_campaign_schools_and_visits_are_shown(page: Page, campaign: Campaign) -> None:
    await page.goto(campaign.page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Pilkada Kota Contoh 2024")
    await expect(page.locator("#headline .big")).to_have_text("40,0 %")
    await shows(page, 4, first=2)
    for name in SCHOOLS.values():
        await expect(page.get_by_role("row").filter(has_text=name)).to_be_visible()
    await expect(page.locator(row(SECOND))).to_contain_text("target terlalu rendah")
    await expect(page.locator("#visits li")).to_contain_text("Aula SMAN Contoh 1")


async def test_the_figures_move_when_an_event_arrives(page: Page, campaign: Campaign) -> None:
    await page.goto(campaign.page)
    await expect(page.locator("body")).to_have_attribute("data-live", "on")
    await page.evaluate("window.neverReloaded = true")
    await shows(page, 4, first=2)
    await campaign.record(FIRST, day=6)
    await shows(page, 5, first=3)
    assert await page.evaluate("window.neverReloaded")


async def test_a_chosen_day_and_what_was_known_then(page: Page, campaign: Campaign) -> None:
    await page.goto(campaign.page)
    await page.get_by_label("Per tanggal").fill("2024-10-01")
    await page.get_by_role("button", name="Tampilkan").click()
    await shows(page, 1, first=1)
    await page.get_by_label("Per tanggal").fill("2024-10-02")
    await page.get_by_role("button", name="Tampilkan").click()
    await shows(page, 4, first=2)
    await page.get_by_label("Diketahui per").fill("2024-10-02T23:59:59")
    await page.get_by_role("button", name="Tampilkan").click()
    await shows(page, 3, first=1)
    await expect(page.locator("#headline")).to_contain_text("2 Okt 2024, 23.59 WIB")
    await campaign.record(FIRST, day=2, known=6)
    await campaign.applied()
    await page.reload()
    await shows(page, 3, first=1)
    await page.get_by_role("link", name="Kembali ke posisi terkini").click()
    await shows(page, 5, first=3)


async def test_an_empty_campaign_fills_without_a_reload(page: Page, system: LocalStack) -> None:
    async with httpx.AsyncClient(timeout=30, headers=system.bearer()) as http:
        campaign = Campaign(system, http)
        await campaign.open()
        nothing = page.get_by_text("Belum ada sekolah dan kelompok")
        await until(lambda: shown(page, campaign))
        await expect(nothing).to_be_visible()
        await expect(page.locator("#schools")).to_be_hidden()
        await expect(page.locator("#headline .big")).to_have_text("Belum diketahui")
        await expect(page.locator("body")).to_have_attribute("data-live", "on")
        target = {"scope": FIRST, "value": 4, "effective_from": "2024-09-19", "split": "stated", "reason": "uji"}
        await campaign.say("enrollment", "POST", "/targets", target)
        await expect(page.locator(row(FIRST))).to_be_visible()
        await expect(nothing).to_be_hidden()


async def shown(page: Page, campaign: Campaign) -> bool:
    """Whether reporting has heard of the campaign."""
    answer = await page.goto(campaign.page)
    return answer is not None and answer.ok


async def test_it_survives_a_restart_of_the_service(page: Page, campaign: Campaign, system: LocalStack) -> None:
    await page.goto(campaign.page)
    await page.evaluate("window.neverReloaded = true")
    await expect(page.locator("body")).to_have_attribute("data-live", "on")
    system.stop_service("reporting")
    try:
        await expect(page.locator("body")).to_have_attribute("data-live", "off")
        await expect(page.locator("#headline .badge.live")).to_have_text("Terputus reconnecting", use_inner_text=True)
        await shows(page, 4, first=2)
        await campaign.record(FIRST, day=6)
    finally:
        system.start_service("reporting")
    await expect(page.locator("body")).to_have_attribute("data-live", "on", timeout=20_000)
    await shows(page, 5, first=3)
    assert await page.evaluate("window.neverReloaded")


async def test_without_javascript_the_same_figures_and_questions(
    browser: Browser, system: LocalStack, campaign: Campaign
) -> None:
    page = await browser.new_page(base_url=system.urls["reporting"], java_script_enabled=False)
    await page.goto(campaign.page)
    await shows(page, 4, first=2)
    await expect(page.locator("#headline .badge.live")).to_have_text("Posisi terkini latest", use_inner_text=True)
    await page.get_by_label("Per tanggal").fill("2024-10-01")
    await page.get_by_role("button", name="Tampilkan").click()
    await shows(page, 1, first=1)
    await expect(page.get_by_label("Cari sekolah")).to_be_hidden()  # what needs JavaScript is not offered
