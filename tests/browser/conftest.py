"""Chromium, and a small campaign of each test's own on a stack that all of them share."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from stack import LocalStack
from tests.browser.campaign import Campaign, campaign_on

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
MISSING = "No Chromium: `apt-get install chromium`, or say where one is: `make test-browser CHROMIUM=path`."


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where it is; asked for before anything is started."""
    found = shutil.which(os.environ.get("CHROMIUM") or "chromium")
    if found is None:
        pytest.exit(MISSING, returncode=1)
    return found


@pytest.fixture(scope="session")
def system(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture
async def browser(chromium: str, system: LocalStack) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        await started.close()


@pytest.fixture
async def page(browser: Browser, system: LocalStack) -> Page:
    """An empty page; its addresses are reporting's."""
    return await browser.new_page(base_url=system.urls["reporting"])


@pytest.fixture
async def campaign(system: LocalStack, tmp_path: Path) -> AsyncIterator[Campaign]:
    async with campaign_on(system, tmp_path / "counter") as made:
        yield made
