"""Any one container stops, or is killed, and comes back while people work: nothing is lost, nothing counts twice."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from tests.compose.project import SERVERS, SERVICES, Project
from tests.compose.work import Work
from tests.support import until

KILL_ALL = "import os, signal; os.kill(-1, signal.SIGKILL)"

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("server", SERVERS)
async def test_nothing_is_lost_or_doubled(project: Project, work: Work, server: str, how: str) -> None:
    work.record(20)
    await work.send()
    async with work.going_on():
        await asyncio.to_thread(project.compose, how, server)
        before = work.recorded
        assert (await asyncio.to_thread(project.containers))[server]["State"]["Status"] == "exited"
        while work.recorded < before + 20:  # the counters are open while it is away
            await asyncio.sleep(0.05)
        began = monotonic()
        await asyncio.to_thread(project.compose, "start", server)
        await asyncio.to_thread(project.wait_until_healthy)
        print(f"\n{server}, {how}: all healthy again after {monotonic() - began:.1f} s")
    await work.is_all_shown()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_that_dies_is_started_again(project: Project, work: Work, service: str) -> None:
    """Its process is killed by nobody that the engine knows: the restart policy brings it back."""
    restarts = project.containers()[service]["RestartCount"]

    async def restarted() -> bool:
        found = await asyncio.to_thread(project.containers)
        return found[service]["RestartCount"] > restarts

    async with work.going_on():
        # All but the first process, which ends with the service; the command may be gone before it has answered.
        await asyncio.to_thread(project.compose, "exec", "-T", service, "python", "-c", KILL_ALL, check=False)
        await until(restarted)
        await asyncio.to_thread(project.wait_until_healthy)
    await work.is_all_shown()
