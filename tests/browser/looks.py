"""How a page looks, and whether everybody can use it: axe and screenshots, for the pages of any service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page

AXE: Final = (Path(__file__).parent / "vendored/axe.min.js").read_text()
SCREENSHOTS: Final = Path(__file__).parents[2] / "build/screenshots"
SIZES: Final = {"wide": (1440, 900), "phone": (390, 844)}
SCHEMES: Final = ("light", "dark")
RULES: Final = """
    () => axe.run(document, {resultTypes: ["violations"]}).then((result) => result.violations.flatMap(
        ({id, nodes}) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`)))
"""


async def looks(browser: Browser, url: str) -> AsyncIterator[tuple[str, Page]]:
    """The page wide and on a phone, in the light and in the dark; nothing on it moves."""
    for (size, (width, height)), scheme in product(SIZES.items(), SCHEMES):
        page = await browser.new_page(
            color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": height}
        )
        await page.goto(url)
        yield f"{size}-{scheme}", page
        await page.close()


async def violations(page: Page) -> list[str]:
    """Everything that axe objects to: rule, element, what to do."""
    await page.evaluate(AXE)
    return list(await page.evaluate(RULES))


async def screenshot(browser: Browser, url: str, name: str) -> None:
    """Writes the four looks of a page to build/screenshots."""
    async for look, page in looks(browser, url):
        await page.evaluate("document.fonts.ready.then(() => null)")
        await page.screenshot(path=SCREENSHOTS / f"{name}-{look}.png", full_page=True)
