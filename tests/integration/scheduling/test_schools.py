"""What the `schools` topic says: every revision is kept, the highest wins, and none says two things."""

import asyncpg
import pytest
from pydantic import ValidationError

from tests.integration.scheduling.conftest import NPSN, Scheduling, listed, opened, visit


async def kept(scheduling: Scheduling) -> list[tuple[str, int, str]]:
    rows = await scheduling.tx.fetch(
        """
        SELECT 'campaign' AS what, revision, data->>'voting_day' AS said FROM scheduling.campaign_revision
        UNION ALL SELECT id, revision, data->>'name' FROM scheduling.school_revision ORDER BY what, revision
        """
    )
    return [(row["what"], row["revision"], row["said"]) for row in rows]


async def test_order_and_repeats_change_nothing(empty: Scheduling) -> None:
    events = [
        opened(revision=3, voting_day="2024-11-27"),
        listed(NPSN[0]),
        opened(revision=1, voting_day="2024-11-20"),
        listed(NPSN[0], revision=2, name="SMK Baru"),
    ]
    for _ in range(2):
        assert await empty.hear(*events, *reversed(events)) == []
    assert await kept(empty) == [
        (NPSN[0], 1, "SMK Contoh 1"),
        (NPSN[0], 2, "SMK Baru"),
        ("campaign", 1, "2024-11-20"),
        ("campaign", 3, "2024-11-27"),
    ]
    await empty.put_sets("set-1")
    assert (await empty.schedule(day="2024-11-27")).status_code == 201  # by revision 3, though 1 came later


async def test_the_same_revision_with_other_content_is_a_conflict(empty: Scheduling) -> None:
    assert await empty.hear(opened(), opened(voting_day="2024-11-20"), listed(NPSN[0])) == ["revision_conflict"]
    before = await kept(empty)
    assert await empty.hear(opened(voting_day="2024-11-21"), listed(NPSN[0], name="SMK Lain"), listed(NPSN[1])) == [
        "revision_conflict",
        "revision_conflict",
    ]
    assert await kept(empty) == sorted([*before, (NPSN[1], 1, "SMK Contoh 2")])


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Asia"])
def test_a_campaign_of_no_time_zone_is_no_event(zone: str) -> None:
    with pytest.raises(ValidationError, match="must be an IANA time zone"):
        opened(zone=zone)


async def test_a_campaign_is_unknown_until_it_is_heard_of(empty: Scheduling) -> None:
    assert await empty.hear(listed(NPSN[0])) == []
    assert (await empty.ask("GET", "/sets")).status_code == 404
    assert await empty.hear(opened()) == []
    assert (await empty.ask("GET", "/sets")).status_code == 200


async def test_a_school_is_visited_in_the_campaign_that_lists_it(scheduling: Scheduling) -> None:
    assert await scheduling.hear(opened("lain-2029"), listed("90000009", "lain-2029")) == []
    refused = await scheduling.schedule(groups=["npsn:90000009"])
    assert refused.json()["reason"] == "school_not_listed"
    unknown_set = await scheduling.ask("POST", "/visits", visit(groups=["npsn:90000009"]), "lain-2029")
    assert unknown_set.json()["reason"] == "unknown_set"


@pytest.mark.parametrize("table", ["visit_revision", "set_revision", "campaign_revision", "school_revision"])
async def test_no_revision_is_ever_changed(scheduling: Scheduling, table: str) -> None:
    await scheduling.scheduled()
    for statement in (f"UPDATE scheduling.{table} SET revision = revision + 1", f"DELETE FROM scheduling.{table}"):
        with pytest.raises(asyncpg.PostgresError, match="is append-only"):
            await scheduling.tx.execute(statement)
