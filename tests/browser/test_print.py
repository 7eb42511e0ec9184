"""The campaign's page on paper, as Chromium prints it to PDF: few pages, heads on each, colours that mean something."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Final

import pytest
from playwright.async_api import Page
from pypdf import PageObject, PdfReader

from tests.browser.campaign import Campaign

pytestmark = pytest.mark.browser
SCHOOLS: Final = 60
HEADS: Final = ("Sekolah", "Cakupan", "Terekam", "Target", "Kurang")


async def printed(page: Page, campaign: Campaign) -> list[PageObject]:
    """The pages of the PDF, of a campaign with many schools."""
    schools = [
        {"npsn": f"205998{number:02}", "name": f"SMA Contoh {number}", "school_kind": "SMA", "ownership": "public",
         "kecamatan": "Kedungkandang", "invented": True}
        for number in range(SCHOOLS)
    ]  # fmt: skip
    await campaign.say("enrollment", "POST", "/schools:batch", {"schools": schools})
    for some in (schools[at : at + 10] for at in range(0, SCHOOLS, 10)):
        await asyncio.gather(*(campaign.say("enrollment", "POST", "/targets", target(s["npsn"])) for s in some))
    await page.goto(campaign.page)
    await page.locator("tbody#rows tr").nth(SCHOOLS).wait_for()
    await page.evaluate("document.fonts.ready.then(() => null)")
    return list(PdfReader(BytesIO(await page.pdf(prefer_css_page_size=True))).pages)


def target(npsn: object) -> dict[str, object]:
    return {
        "scope": f"npsn:{npsn}",
        "value": 7,
        "effective_from": "2024-09-19",
        "split": "stated",
        "reason": "uji",
    }


def heights(page: PageObject, word: str) -> list[float]:
    """How high above the foot of the page a word stands, wherever it does."""
    found: list[float] = []

    def visit(text: str, matrix: list[float], at: list[float], *_: object) -> None:
        if word in text:
            found.append(matrix[1] * at[4] + matrix[3] * at[5] + matrix[5])

    page.extract_text(visitor_text=visit)
    return found


async def test_the_page_prints_on_few_pages_with_a_head_on_each(page: Page, campaign: Campaign) -> None:
    pages = await printed(page, campaign)
    assert len(pages) <= 3
    with_rows = [paper for paper in pages if "SMA Contoh" in paper.extract_text()]
    assert len(with_rows) > 1, "else this test shows nothing"
    for paper in with_rows:
        text = paper.extract_text().replace("\n", " ")
        assert [head for head in HEADS if head not in text] == [], text
    first = pages[0]
    assert heights(first, "↓"), "the sorted column is marked"
    (arrow, *_), heads = heights(first, "↓"), heights(first, "Terekam")
    assert min(abs(arrow - head) for head in heads) < 12, "the arrow stands in the head of the table"


async def test_the_legend_keeps_its_colour(page: Page, campaign: Campaign) -> None:
    await page.goto(campaign.page)
    (first, *_) = PdfReader(BytesIO(await page.pdf(prefer_css_page_size=True))).pages
    content = first.get_contents()
    assert content is not None
    drawn = [tuple(round(float(number), 2) for number in line.split()[:3])
             for line in content.get_data().decode("latin-1").splitlines() if line.endswith(" rg")]  # fmt: skip
    assert (0.62, 0.81, 0.76) in drawn
