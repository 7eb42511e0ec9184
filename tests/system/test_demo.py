"""The main job, once: the reference campaign through counters, Kafka, three services and their databases.

One replay serves all tests. One submission is held back at first: the figures must miss it, and be right once it came.
"""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from demo import figures, plan
from demo.__main__ import run
from demo.addresses import Addresses
from demo.campaign import Campaign, load
from demo.driver import Driver
from demo.figures import Difference, Figures
from demo.fold import Fold
from demo.model import Plan, Submission
from stack.local import LocalStack

# One replay is the setup of the first test.
pytestmark = [
    pytest.mark.xdist_group("demo"),
    pytest.mark.system,
    pytest.mark.timeout(300),
]


@dataclass
class Played:
    """What the system answered without the submission that was held back, and with it."""

    campaign: Campaign
    plan: Plan
    addresses: Addresses
    without: Figures
    found: Figures
    codes: tuple[int, int]
    shown: tuple[str, str]
    dropped: Submission


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    home = tmp_path_factory.mktemp("demo")
    campaign = load()
    whole = plan.build(campaign)
    persons = Counter(s.person.nik for s in whole.submissions)
    dropped = next(s for s in whole.submissions if s.case == "plain" and s.group and persons[s.person.nik] == 1)
    with LocalStack(home / "stack") as stack:
        known = {f"{name.upper()}_URL": url for name, url in stack.urls.items()}
        known |= {"KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers, "TOKEN": stack.token("administrator")}
        addresses = Addresses.read(known, home / "counters")
        yield asyncio.run(_play(addresses, campaign, whole, dropped))


async def _play(addresses: Addresses, campaign: Campaign, whole: Plan, dropped: Submission) -> Played:
    answers: list[Figures] = []
    codes, shown = [], []
    for part in (plan.without(whole, dropped.submission_id), whole):
        text = StringIO()
        console = Console(file=text, width=160)
        if answers:
            async with Driver(addresses, campaign, whole) as driver:
                await driver.submit([dropped])
                await driver.applied()
        codes.append(await run(addresses, campaign, console, played=part))
        shown.append(text.getvalue())
        async with Driver(addresses, campaign, whole) as driver:
            answers.append(await figures.ask(driver.office, campaign.published))
    return Played(
        campaign, whole, addresses, answers[0], answers[1], (codes[0], codes[1]), (shown[0], shown[1]), dropped
    )


def test_the_published_figures_come_out_of_the_running_system(played: Played) -> None:
    assert played.codes[1] == 0, played.shown[1]
    total = played.found.then["total"]
    assert (total["target"], total["recorded"], total["remaining"]) == (5554, 3355, 2199)
    assert (total["allocated"], total["unallocated"]) == (4586, 968)
    assert figures.percent(total["coverage"]) == "60.4 %"
    assert played.found.schools == 51
    assert played.found.then["final"] is True


def test_one_submission_fewer_is_one_person_fewer_and_ends_with_1(played: Played) -> None:
    assert played.codes[0] == 1
    assert figures.compare(played.without, played.campaign.published) == [
        Difference("recorded", 3354, 3355),
        Difference("remaining", 2200, 2199),
    ]
    assert "answered 3354, expected 3355" in played.shown[0]


def test_schools_and_groups_add_up_and_equal_the_fold(played: Played) -> None:
    published = played.campaign.published
    fold = Fold(played.campaign, played.plan)
    for answer, known_at in ((played.found.then, published.known_at), (played.found.now, None)):
        rows = {row["group"]: row["recorded"] for row in answer["rows"]}
        assert sum(rows.values()) == answer["total"]["recorded"]
        assert {group: n for group, n in rows.items() if n} == dict(fold.recorded(published.as_of, known_at))
    assert sum(row["target"] or 0 for row in played.found.then["rows"]) == 4586


def test_what_arrived_late_is_listed_by_cause(played: Played) -> None:
    late = {(row["change"], row["cause"]): row["persons"] for row in played.found.late["causes"]}
    assert late == {
        ("added", "recorded"): 46,
        ("added", "earlier_recording"): 5,
        ("added", "restored"): 2,
        ("removed", "voided"): 3,
        ("moved", "reattributed"): 7,
    }
    gained = played.found.now["total"]["recorded"] - played.found.then["total"]["recorded"]
    assert gained == 46 + 5 + 2 - 3


def test_the_page_of_figures_says_what_is_simulated(played: Played) -> None:
    shown = played.shown[1]
    for words in ("5,554", "3,355 (60.4 %)", "2,199", "4,586", "968", "explained by no source", "simulated", "met"):
        assert words in shown


def test_the_command_reads_a_system_that_is_there_and_ends_with_0(played: Played, tmp_path: Path) -> None:
    where = played.addresses
    known: dict[str, Any] = {
        "ENROLLMENT_URL": where.enrollment,
        "SCHEDULING_URL": where.scheduling,
        "REPORTING_URL": where.reporting,
        "KAFKA_BOOTSTRAP_SERVERS": where.kafka,
        "TOKEN": where.token,
    }
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--once"],
        env={**os.environ, **known},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every published figure is met" in done.stdout
