"""The new page of packages/web/README.md, as it stands there; and what every page and static file is answered with."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import web

README = Path(__file__).parents[3] / "packages/web/README.md"
FILE = re.compile(r"`(pages/[\w./]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The README's three files, its test run on them."""
    files = dict(FILE.findall(README.read_text()))
    assert sorted(files) == ["pages/routes.py", "pages/templates/sets.html", "pages/test_sets.py"]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for module in [name for name in sys.modules if name.partition(".")[0] == "pages"]:
        monkeypatch.delitem(sys.modules, module)
    runpy.run_path(str(tmp_path / "pages/test_sets.py"))["test_the_sets_are_shown"]()
    app = Starlette()
    sys.modules.pop("pages.routes").mount(app)
    sys.modules.pop("pages")
    (tmp_path / "pages/static").mkdir()
    (tmp_path / "pages/static/own.css").write_text("p {}")
    return TestClient(app)


def test_the_page_of_the_readme_has_the_shared_frame_and_parts(client: TestClient) -> None:
    page = client.get("/sets").text
    assert '<html lang="id">' in page
    assert '<h1>Alat perekaman <span class="en" lang="en">recording sets</span></h1>' in page
    assert '<th scope="col" data-sort="recorded" class="n">' in page
    assert not re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", page)
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert client.get(path).status_code == 200, path


def test_a_static_file_is_asked_for_again_and_sent_once(client: TestClient) -> None:
    response = client.get("/static/style.css")
    assert response.headers["cache-control"] == "no-cache"
    again = client.get("/static/style.css", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


def test_a_services_own_static_files_are_beside_the_shared_ones(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static/own.css").write_text("p {}")
    web.mount(app := Starlette(), tmp_path)
    client = TestClient(app)
    assert client.get("/static/own.css").text == "p {}"
    assert client.get("/static/style.css").status_code == 200
    assert client.get("/static/none.css").status_code == 404
