"""The stack that these tests share, made from nothing by the documented command, and removed without a trace."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.compose.project import Project, run
from tests.compose.work import Work, working


@pytest.fixture(scope="session")
def fresh() -> Iterator[Project]:
    """The stack just as `docker compose up --build --wait` leaves it."""
    run("docker", "compose", "version")
    project = Project.new(f"jb-test-{secrets.token_hex(4)}")
    try:
        print(f"\ndocker compose up --build --wait: {project.up():.1f} s")
        yield project
    finally:
        project.down()
    left = {kind: project.ids(kind) for kind in ("container", "volume", "network", "image")}
    assert not any(left.values()), left


@pytest.fixture
def project(fresh: Project) -> Project:
    """The stack, healthy, whatever another test did to it."""
    fresh.wait_until_healthy()
    return fresh


@pytest.fixture
async def work(project: Project, tmp_path: Path) -> AsyncIterator[Work]:
    """A campaign of the test's own, on the running stack."""
    async with working(project, tmp_path / "counter") as one:
        yield one
