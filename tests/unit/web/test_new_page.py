"""The new page of packages/web/README.md, as it stands there; and what every page and static file is answered with."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import httpx
import jinja2
import pytest
from starlette.applications import Starlette

import web

README = Path(__file__).parents[3] / "packages/web/README.md"
FILE = re.compile(r"`(pages/[\w./]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The README's three files, and a static file of the service's own."""
    files = dict(FILE.findall(README.read_text())) | {"pages/static/own.css": "p {}"}
    assert len(files) == 4
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "pages"


@pytest.fixture
def client(folder: Path) -> httpx.AsyncClient:
    runpy.run_path(str(folder / "routes.py"))["mount"](app := Starlette())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


async def test_the_test_of_the_readme_passes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder.parent)
    await runpy.run_path(str(folder / "test_sets.py"))["test_the_sets_are_shown"]()


async def test_its_page_has_the_shared_frame_and_parts(client: httpx.AsyncClient) -> None:
    page = (await client.get("/sets")).text
    assert '<html lang="id">' in page
    assert '<h1>Alat perekaman <span class="en" lang="en">recording sets</span></h1>' in page
    assert '<th scope="col" data-sort="recorded" class="n">' in page
    assert not re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", page)
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert (await client.get(path)).status_code == 200, path


async def test_a_static_file_is_asked_for_again_and_sent_once(client: httpx.AsyncClient) -> None:
    response = await client.get("/static/style.css")
    assert response.headers["cache-control"] == "no-cache"
    again = await client.get("/static/style.css", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


async def test_a_services_own_static_files_are_beside_the_shared_ones(client: httpx.AsyncClient) -> None:
    assert (await client.get("/static/own.css")).text == "p {}"
    assert (await client.get("/static/none.css")).status_code == 404


async def test_a_name_that_a_template_is_not_given_is_an_error(folder: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="'sets' is undefined"):
        web.Templates(folder).fill("sets.html")
