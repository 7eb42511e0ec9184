"""The answers over HTTP: as of a day, as known at an instant, by group, day, kind and domicile."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.progress import ProgressMade
from exactly_once import Pool, position
from reporting.projection.progress import FACT_TOPICS
from tests.integration.reporting.conftest import Reporting
from tests.integration.reporting.world import (
    CAMPAIGN,
    START,
    apply,
    at,
    decided,
    group,
    opened,
    person,
    recording,
    school,
    statement,
    target,
    visit,
)  # fmt: skip

END_OF_3 = "2024-10-03T23:59:59+07:00"


@pytest.fixture
async def campaign(reporting: Reporting) -> Reporting:
    """Ten persons on 1-4 October at two schools and outside; one known late, one voided late, one moved late."""
    assert (
        await reporting.hear(
            opened(),
            school(1),
            school(2),
            school(3),
            target("campaign", 20, counting_from="2024-10-01"),
            target(group(1), 4),
            target(group(2), 8, split="simulated"),
            *(recording(number, day=1) for number in (1, 2, 3)),
            *(recording(number, day=2, group=group(2), kind="mpp", domicile_regency="35.79") for number in (4, 5)),
            recording(6, day=3, group="outside", kind="office", domicile_regency=None),
            recording(7, day=4),
            recording(8, day=1, known=at(5), received_at=at(5)),
            recording(5, 2, day=2, known=at(6), counts=False, cause="voided", group=group(2)),
            recording(3, 2, day=1, known=at(6), cause="reattributed", group=group(2)),
            recording(9, day=1, recorded_on="2024-09-20"),
        )
        == []
    )
    return reporting


async def test_the_answer_has_the_published_shape(campaign: Reporting) -> None:
    answer = await campaign.get("/coverage", as_of="2024-10-03", known_at=END_OF_3)
    assert answer == {
        "campaign": CAMPAIGN,
        "as_of": "2024-10-03",
        "known_at": "2024-10-03T16:59:59Z",
        "zone": "Asia/Jakarta",
        "complete_through": None,
        "final": False,
        "revision": 18,
        "total": {
            "target": 20, "recorded": 6, "remaining": 14, "excess": 0, "coverage": 0.3, "allocated": 12,
            "unallocated": 8, "counting_from": "2024-10-01",
        },
        "rows": [
            {"group": group(1), "name": "SMAN Contoh 1", "target": 4, "recorded": 3, "remaining": 1, "excess": 0,
             "coverage": 0.75},
            {"group": group(2), "name": "SMAN Contoh 2", "target": 8, "recorded": 2, "remaining": 6, "excess": 0,
             "coverage": 0.25},
            {"group": "outside", "name": None, "target": None, "recorded": 1, "remaining": None, "excess": None,
             "coverage": None},
        ],
    }  # fmt: skip


async def test_the_same_day_as_known_now(campaign: Reporting) -> None:
    answer = await campaign.get("/coverage", as_of="2024-10-03")
    assert [(row["group"], row["recorded"]) for row in answer["rows"]] == [(group(1), 3), (group(2), 2), ("outside", 1)]
    assert answer["known_at"] == "2024-10-06T01:00:00Z"


async def test_without_a_day_it_is_the_latest_known_and_with_an_instant_the_day_of_it(campaign: Reporting) -> None:
    assert (await campaign.get("/coverage"))["as_of"] == "2024-10-06"
    assert (await campaign.get("/coverage", known_at="2024-10-03T18:00:00Z"))["as_of"] == "2024-10-04"


async def test_rows_by_day_kind_and_domicile_add_up_to_the_total(campaign: Reporting) -> None:
    by_day = await campaign.get("/coverage", by="day")
    assert by_day["rows"] == [
        {"day": "2024-10-01", "recorded": 4, "cumulative": 4},
        {"day": "2024-10-02", "recorded": 1, "cumulative": 5},
        {"day": "2024-10-03", "recorded": 1, "cumulative": 6},
        {"day": "2024-10-04", "recorded": 1, "cumulative": 7},
    ]
    assert by_day["total"]["recorded"] == 7
    by_kind = await campaign.get("/coverage", by="kind")
    assert by_kind["rows"] == [
        {"kind": "mpp", "recorded": 1}, {"kind": "office", "recorded": 1}, {"kind": "school_visit", "recorded": 5}
    ]  # fmt: skip
    by_domicile = await campaign.get("/coverage", by="domicile")
    assert by_domicile["domiciled"] == {"in_region": 5, "elsewhere": 1, "unknown": 1}
    assert [(row["domicile"], row["in_region"], row["recorded"]) for row in by_domicile["rows"]] == [
        (None, None, 1), ("35.73", True, 5), ("35.79", False, 1)
    ]  # fmt: skip


async def test_a_group_that_counts_from_a_later_day(campaign: Reporting) -> None:
    await campaign.hear(target(group(1), 4, 2, counting_from="2024-10-02"))
    answer = await campaign.get("/coverage")
    assert [(row["group"], row["recorded"], row.get("counting_from", "absent")) for row in answer["rows"]] == [
        (group(1), 1, "2024-10-02"), (group(2), 2, "absent"), ("outside", 1, "absent")
    ]  # fmt: skip
    assert answer["total"]["recorded"] == 7
    assert (await campaign.get(f"/schools/{group(1)[5:]}/days"))["rows"] == [
        {"day": "2024-10-04", "recorded": 1, "cumulative": 1}
    ]


async def test_more_than_the_target_is_excess_and_no_target_is_unknown(campaign: Reporting) -> None:
    await campaign.hear(target(group(1), 2, 2), target("campaign", 5, 2, withdrawn=True))
    answer = await campaign.get("/coverage")
    row = answer["rows"][0]
    assert (row["target"], row["recorded"], row["remaining"], row["excess"], row["coverage"]) == (2, 5, 0, 3, 2.5)
    total = answer["total"]
    assert (total["target"], total["unallocated"], total["counting_from"]) == (10, None, None)
    assert total["recorded"] == 8  # with the campaign's decision its first day has gone as well


async def test_late_names_what_changed_since_with_its_cause_and_nobody(campaign: Reporting) -> None:
    late = await campaign.get("/late", as_of="2024-10-03")
    assert (late["recorded_then"], late["recorded_now"]) == (6, 6)
    assert (late["added"], late["removed"], late["moved"]) == (1, 1, 1)
    assert late["known_at"] == "2024-10-03T16:59:59.999999Z"
    rows = [(row["change"], row["cause"], row["group_before"], row["group"]) for row in late["rows"]]
    assert sorted(rows, key=str) == [
        ("added", "recorded", None, group(1)),
        ("moved", "reattributed", group(1), group(2)),
        ("removed", "voided", group(2), group(2)),
    ]
    assert {row["recorded_on"] for row in late["rows"]} == {"2024-10-01", "2024-10-02"}
    assert "person" not in str(late["rows"])
    few = await campaign.get("/late", as_of="2024-10-03", limit=1)
    assert len(few["rows"]) == 1
    assert sum(cause["persons"] for cause in few["causes"]) == 3


async def test_late_says_when_only_the_first_day_that_counts_has_moved(campaign: Reporting) -> None:
    await campaign.hear(target("campaign", 20, 2, counting_from="2024-09-01", known_at=at(7)))
    late = await campaign.get("/late", as_of="2024-10-03", known_at="2024-10-06T12:00:00+07:00")
    assert [(one["change"], one["cause"], one["persons"]) for one in late["causes"]] == [("added", "counting_from", 1)]


async def test_late_names_the_version_that_changed_it_and_not_a_later_one(campaign: Reporting) -> None:
    await campaign.hear(recording(8, 2, day=1, known=at(7), cause="domicile_learnt", domicile_regency="35.07"))
    late = await campaign.get("/late", as_of="2024-10-03", known_at=END_OF_3)
    assert [row["cause"] for row in late["rows"] if row["change"] == "added"] == ["recorded"]


async def test_what_was_listed_before_is_shown_with_one_kecamatan(campaign: Reporting) -> None:
    written = {4: "KLOJEN ", 5: "Kec. Klojen", 6: "kecamatan klojen"}
    coded = {7: "Kedung Kandang", 8: "Kedungkandang", 9: "Kec. Kedungkandang"}
    await campaign.hear(
        *(school(number, kecamatan=text) for number, text in written.items()),
        *(school(number, kecamatan=text, kecamatan_code="35.73.03") for number, text in coded.items()),
    )
    schools = {each["npsn"]: each for each in (await campaign.get("/schools"))["schools"]}
    shown = [schools[group(number)[5:]] for number in (*written, *coded)]
    assert [each["kecamatan"] for each in shown] == ["Klojen"] * 3 + ["Kedungkandang"] * 3
    assert [each["kecamatan_code"] for each in shown] == [None] * 3 + ["35.73.03"] * 3
    one = await campaign.get(f"/schools/{group(7)[5:]}")
    assert one["school"]["kecamatan"] == "Kedungkandang"
    page = (await campaign.http.get(f"/campaigns/{CAMPAIGN}")).text
    assert set(re.findall(r'data-kecamatan="([^"]+)"', page)) == {"Klojen", "Kedungkandang"}


async def test_schools_with_coverage_and_next_visit(campaign: Reporting) -> None:
    await campaign.hear(visit(1, day=8), visit(2, day=7, groups=[group(1), group(3)]), visit(3, status="cancelled"))
    schools = {one["npsn"]: one for one in (await campaign.get("/schools"))["schools"]}
    assert len(schools) == 3
    first, third = schools[group(1)[5:]], schools[group(3)[5:]]
    assert (first["recorded"], first["target"], first["listed"], first["kecamatan"]) == (4, 4, True, "Klojen")
    assert (first["next_visit"]["day"], first["next_visit"]["sets"]) == ("2024-10-07", 2)
    assert (third["recorded"], third["coverage"], third["next_visit"]["day"]) == (0, None, "2024-10-07")
    await campaign.hear(recording(20, group="npsn:20500000"))
    unlisted = (await campaign.get("/schools"))["schools"][0]
    assert (unlisted["npsn"], unlisted["listed"], unlisted["name"], unlisted["recorded"]) == (
        "20500000",
        False,
        None,
        1,
    )


async def test_one_school(campaign: Reporting) -> None:
    await campaign.hear(visit(1), visit(2, groups=[group(2)]))
    answer = await campaign.get(f"/schools/{group(2)[5:]}")
    assert answer["school"]["name"] == "SMAN Contoh 2"
    assert [one["value"] for one in answer["targets"]] == [8]
    assert [one["visit_id"] for one in answer["visits"]] == [person(2)]
    assert (await campaign.get("/schools/20500000", 404))["type"] == "/problems/not-found"


async def test_targets_statements_and_visits_as_known_then(campaign: Reporting) -> None:
    await campaign.hear(
        target(group(1), 6, 2, known_at=at(5)), statement(1, 10_000), statement(2, 22_922, stated_on="2024-09-01"),
        visit(1), visit(1, 2, day=9, known_at=at(5)),
    )  # fmt: skip
    made = {(one["scope"], one["revision"]): one["in_force"] for one in (await campaign.get("/targets"))["targets"]}
    assert made == {("campaign", 1): True, (group(1), 1): False, (group(1), 2): True, (group(2), 1): True}
    then = await campaign.get("/targets", known_at=END_OF_3)
    assert [one["in_force"] for one in then["targets"]] == [True, True, True]
    stated = (await campaign.get("/statements"))["statements"]
    assert [one["value"] for one in stated] == [22_922, 10_000]
    assert [one["day"] for one in (await campaign.get("/visits"))["visits"]] == ["2024-10-09"]
    assert [one["day"] for one in (await campaign.get("/visits", known_at=END_OF_3))["visits"]] == ["2024-10-05"]


async def progress(pool: Pool, through: Any, end_offset: int = 0, *, but: str = "") -> None:
    async with pool.acquire() as tx, tx.transaction():
        for topic in FACT_TOPICS:
            await tx.execute(
                "INSERT INTO exactly_once.position (topic, partition, next_offset) VALUES ($1, 0, 10) "
                "ON CONFLICT DO NOTHING",
                topic,
            )
            if topic != but:
                mark = ProgressMade(topic=topic, partition=0, through=through, end_offset=end_offset)
                await apply(tx, mark, mark)  # what one record says is not believed


async def test_final_only_when_every_partition_has_been_applied_through(campaign: Reporting) -> None:
    asked: dict[str, Any] = {"as_of": "2024-10-03", "known_at": END_OF_3}
    await progress(campaign.pool, at(4), but="visits")
    assert (await campaign.get("/coverage", **asked))["complete_through"] is None
    await progress(campaign.pool, at(3))
    assert (await campaign.get("/coverage", **asked))["final"] is False
    await progress(campaign.pool, at(4), end_offset=11)
    answer = await campaign.get("/coverage", **asked)
    assert (answer["final"], answer["complete_through"]) == (False, "2024-10-03T01:00:00Z")
    await campaign.pool.execute("UPDATE exactly_once.position SET next_offset = 11")
    assert (await campaign.get("/coverage", **asked))["final"] is True
    assert (await campaign.get("/coverage"))["complete_through"] == "2024-10-04T01:00:00Z"
    # A fact that was set aside may be replayed, and then something known long ago is new.
    await campaign.pool.execute(
        """
        INSERT INTO exactly_once.dead_letter
               (topic, partition, "offset", logged_at, record_hash, reason, detail, sealed)
        VALUES ('recordings', 0, 4711, now(), '', 'wrong_field', '', '')
        """
    )
    answer = await campaign.get("/coverage", **asked)
    assert (answer["final"], answer["complete_through"]) == (False, None)
    await campaign.pool.execute("UPDATE exactly_once.dead_letter SET status = 'replayed'")
    assert (await campaign.get("/coverage", **asked))["final"] is True
    await progress(campaign.pool, at(5), end_offset=11)
    assert await campaign.pool.fetchval("SELECT count(*) FROM reporting.watermark_mark") == 2 * len(FACT_TOPICS)


async def test_nothing_is_final_after_records_were_skipped_by_hand_until_they_are_read(campaign: Reporting) -> None:
    """What was skipped was known long ago, and would be new if somebody had it read later."""
    await progress(campaign.pool, at(7))
    for offset, final in ((12, False), (11, False), (4, True), (9, True), (14, False)):
        async with campaign.pool.acquire() as tx, tx.transaction():
            await position.decide(tx, "recordings", 0, offset, "a test")
            await tx.execute("UPDATE exactly_once.position SET next_offset = 10 WHERE next_offset < 10")
        assert (await campaign.get("/coverage"))["final"] is final, offset


async def status_and_tag(campaign: Reporting, path: str, have: str = "", **query: str) -> tuple[int, str]:
    """What a client is told that has the answer with this tag."""
    url, headers = f"/v1/campaigns/{CAMPAIGN}{path}", {"If-None-Match": have} if have else {}
    answer = await campaign.http.get(url, params=query, headers=headers)
    assert bool(answer.content) == (answer.status_code == 200)
    return answer.status_code, answer.headers["etag"]


async def test_a_final_answer_has_the_revision_as_its_tag(campaign: Reporting) -> None:
    await progress(campaign.pool, at(7))
    assert await status_and_tag(campaign, "/coverage") == (200, '"18"')
    assert await status_and_tag(campaign, "/coverage", '"18"') == (304, '"18"')
    await campaign.hear(recording(30))
    assert await status_and_tag(campaign, "/coverage", '"18"') == (200, '"19"')


async def test_a_client_hears_when_an_answer_becomes_final_and_when_it_no_longer_is(campaign: Reporting) -> None:
    assert await status_and_tag(campaign, "/coverage") == (200, 'W/"18.open"')
    await progress(campaign.pool, at(5))
    assert await status_and_tag(campaign, "/coverage", 'W/"18.open"') == (304, 'W/"18.open"')
    await progress(campaign.pool, at(7))
    assert await status_and_tag(campaign, "/coverage", 'W/"18.open"') == (200, '"18"')
    await campaign.pool.execute("DELETE FROM reporting.watermark_mark")
    assert await status_and_tag(campaign, "/coverage", '"18"') == (200, 'W/"18.open"')


async def test_a_client_hears_when_time_alone_moves_the_day(campaign: Reporting) -> None:
    await campaign.hear(opened(revision=2, clock="live"))
    await progress(campaign.pool, at(6, 23))
    assert await status_and_tag(campaign, "/coverage") == (200, '"19"')
    await progress(campaign.pool, at(7, 1))
    for path in ("/coverage", "/schools", "/visits"):
        assert await status_and_tag(campaign, path, '"19"') == (200, '"19.2024-10-07"'), path
    assert await status_and_tag(campaign, "/coverage", '"19"', as_of="2024-10-06") == (304, '"19"')
    await progress(campaign.pool, at(7, 2))
    assert await status_and_tag(campaign, "/coverage", '"19.2024-10-07"') == (304, '"19.2024-10-07"')
    await campaign.hear(recording(30, day=7, known=at(7, 2)))
    assert await status_and_tag(campaign, "/coverage", '"19.2024-10-07"') == (200, '"20"')


async def test_what_arrived_late_is_final_when_the_instant_compared_with_is(campaign: Reporting) -> None:
    await progress(campaign.pool, at(6, 12))
    assert await status_and_tag(campaign, "/late") == (200, 'W/"18.open"')  # compared with the end of the 6th
    assert await status_and_tag(campaign, "/late", known_at=END_OF_3) == (200, '"18"')
    await progress(campaign.pool, at(7))
    assert await status_and_tag(campaign, "/late", 'W/"18.open"') == (200, '"18"')


async def test_a_settled_answer_is_kept_for_ever(campaign: Reporting) -> None:
    await campaign.hear(opened(revision=2, clock="live"))
    url, asked = f"/v1/campaigns/{CAMPAIGN}/coverage", {"known_at": END_OF_3}
    assert (await campaign.http.get(url, params=asked)).headers["cache-control"] == "no-cache"
    assert await status_and_tag(campaign, "/coverage", **asked) == (200, 'W/"19.open"')
    await progress(campaign.pool, at(4))
    assert await status_and_tag(campaign, "/coverage", 'W/"19.open"', **asked) == (200, '"15"')
    assert await status_and_tag(campaign, "/coverage", '"15"', **asked) == (304, '"15"')
    for known in ({}, {"If-None-Match": '"15"'}):  # a 304 renews what a cache has kept, with its headers
        assert "immutable" in (await campaign.http.get(url, params=asked, headers=known)).headers["cache-control"]
    assert (await campaign.http.get(url)).headers["cache-control"] == "no-cache"


def everything_again(revision: int, **changes: Any) -> list[Any]:
    """Another revision of every fact of the campaign, and facts that are new."""
    return [
        opened(revision=revision, zone="Asia/Jayapura", region_code="35.79", name="Lain", **changes),
        school(1, revision=revision, name="Lain", **changes), school(revision + 4, **changes),
        target("campaign", 30, revision, **changes), target(group(1), 5, revision, **changes),
        statement(1, 11, revision=revision, **changes), statement(revision + 4, 12, **changes),
        visit(1, revision, day=20, **changes), visit(revision + 4, **changes),
        recording(1, revision, known=changes["known_at"], counts=False, cause="voided"),
        recording(revision + 40, known=changes["known_at"]),
        decided(1, "counted", revision, **changes),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "query"),
    [
        *(("/coverage", {"by": by}) for by in ("group", "day", "kind", "domicile")),
        ("/coverage", {"as_of": "2024-10-02"}),
        ("/schools", {}), (f"/schools/{group(1)[5:]}", {}), (f"/schools/{group(1)[5:]}/days", {}),
        ("/targets", {}), ("/statements", {}), ("/visits", {}),
    ],
)  # fmt: skip
async def test_a_settled_answer_is_the_same_to_the_byte_for_ever(
    campaign: Reporting, path: str, query: dict[str, str]
) -> None:
    await campaign.hear(statement(1, 10), visit(1), decided(1, "held"))
    await progress(campaign.pool, at(4))
    url, asked = f"/v1/campaigns/{CAMPAIGN}{path}", query | {"known_at": END_OF_3}
    before = await campaign.http.get(url, params=asked)
    assert (before.json()["final"], before.json()["complete_through"]) == (True, before.json()["known_at"])
    assert before.json()["revision"] == 16  # of the 20 facts four were known later; the decision is not one of them
    assert await campaign.hear(*everything_again(2, known_at=at(5)), *everything_again(3, known_at=at(6))) == []
    await progress(campaign.pool, at(9))
    again = await campaign.http.get(url, params=asked)
    assert (again.content, again.headers["etag"]) == (before.content, before.headers["etag"])
    live = await campaign.http.get(url, params=query)
    assert live.content != before.content


async def test_as_known_before_the_campaign_was_opened_is_settled_too(reporting: Reporting) -> None:
    asked = {"known_at": "2024-09-30T16:00:00Z"}
    await reporting.hear(opened(clock="live", zone="Asia/Jayapura"), recording(1))
    await progress(reporting.pool, at(4))
    before = await reporting.get("/coverage", **asked)
    assert (before["as_of"], before["final"], before["revision"]) == ("2024-10-01", True, 0)
    await reporting.hear(opened(revision=2, clock="live", known_at=at(5)))
    assert await reporting.get("/coverage", **asked) == before


async def test_nothing_is_final_before_it_is_heard_that_the_campaign_was_opened(reporting: Reporting) -> None:
    """Its recordings may be ahead of its opening, which tells in which zone its days are and whether it is replayed."""
    asked = {"known_at": "2024-09-30T16:00:00Z"}
    await reporting.hear(recording(1))
    await progress(reporting.pool, "2024-09-30T17:00:00Z")
    answer = await reporting.get("/coverage", **asked)
    assert (answer["as_of"], answer["final"], answer["complete_through"]) == ("2024-09-30", False, None)
    await reporting.hear(opened(clock="live", zone="Asia/Jayapura"))
    answer = await reporting.get("/coverage", **asked)
    assert (answer["as_of"], answer["final"]) == ("2024-10-01", True)


async def test_a_replayed_campaign_is_never_settled(campaign: Reporting) -> None:
    """Its events bring their own time: one that comes now may have been known long ago, and changes what was final."""
    await progress(campaign.pool, at(30))
    path, asked = f"/v1/campaigns/{CAMPAIGN}/coverage", {"known_at": END_OF_3}
    before = await campaign.http.get(path, params=asked)
    assert (before.json()["final"], before.headers["cache-control"]) == (True, "no-cache")
    assert await campaign.hear(recording(90, day=2, known=at(2))) == []
    assert await status_and_tag(campaign, "/coverage", before.headers["etag"], **asked) == (200, '"15"')
    after = await campaign.http.get(path, params=asked)
    assert after.json()["total"]["recorded"] == before.json()["total"]["recorded"] + 1


async def test_wrong_questions(campaign: Reporting) -> None:
    assert (await campaign.get("/coverage", 404, campaign="elsewhere"))["type"] == "/problems/not-found"
    for query in (
        {"as_of": "yesterday"}, {"known_at": "2024-10-03"}, {"known_at": "1727053200"}, {"by": "school"},
        {"as_off": "2024-10-03"},
    ):  # fmt: skip
        assert (await campaign.get("/coverage", 422, **query))["type"] == "/problems/invalid-request"
    written = await campaign.http.get(f"/v1/campaigns/{CAMPAIGN}/coverage?known_at={END_OF_3}")
    assert written.json()["known_at"] == "2024-10-03T16:59:59Z"


WRONG_MOMENTS = (
    {"as_of": "0001-01-01"}, {"as_of": "9999-12-31"}, {"as_of": "2024-13-40"},
    {"known_at": "0001-01-01T00:00:00+14:00"}, {"known_at": "9999-12-31T23:59:59-12:00"},
    {"known_at": "9999-12-31T23:59:59"},
)  # fmt: skip


@pytest.mark.parametrize("query", WRONG_MOMENTS)
async def test_what_no_campaign_can_have_is_refused_with_the_bounds(campaign: Reporting, query: dict[str, str]) -> None:
    for path in ("/coverage", "/late", "/schools", "/targets"):
        (error,) = (await campaign.get(path, 422, **query))["errors"]
        assert error["parameter"] == next(iter(query))
        assert "between 1970-01-0" in error["detail"]


async def test_what_will_be_known_cannot_be_asked(campaign: Reporting) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for path in ("/coverage", "/late", "/statements"):
        (error,) = (await campaign.get(path, 422, known_at=tomorrow.isoformat()))["errors"]
        assert "lies after now" in error["detail"]
        await campaign.get(path, known_at=datetime.now(UTC).isoformat())


async def test_an_instant_without_offset_is_one_of_the_campaigns_zone_and_that_is_said(reporting: Reporting) -> None:
    await reporting.hear(opened(zone="Asia/Jayapura"), recording(1))
    answer = await reporting.get("/coverage", known_at="2024-10-03T10:00:00")
    assert (answer["known_at"], answer["zone"]) == ("2024-10-03T01:00:00Z", "Asia/Jayapura")
    assert (await reporting.get("/coverage", known_at="2024-10-03T10:00"))["known_at"] == "2024-10-03T01:00:00Z"


async def test_a_fact_that_was_kept_before_there_were_bounds_harms_no_answer(campaign: Reporting) -> None:
    """It cannot come in any more; what a table holds stays readable."""
    far = target(group(1), 7, 9).model_dump(mode="json") | {"effective_from": "9999-12-31"}
    near = visit(9, day=9).model_dump(mode="json") | {"day": "9999-12-31", "place": "Aula\u2028SMAN"}
    for table, fact, name in (
        ("target_revision", far, "target-updated"), ("visit_revision", near, "visit-scheduled"),
    ):  # fmt: skip
        async with campaign.pool.acquire() as tx:
            await tx.execute(
                f"INSERT INTO {table} (campaign, id, revision, known_at, type, content_sha256, data) "
                "VALUES ($1, $2, $3, now(), $4, $5, $6::text::jsonb)",
                CAMPAIGN, fact.get("scope") or fact["visit_id"], fact["revision"], f"jemputbola.{name}.v1", b"x" * 32,
                json.dumps(fact),
            )  # fmt: skip
    for path in ("/coverage", "/late", "/schools", "/targets", "/visits"):
        await campaign.get(path)
    assert (await campaign.http.get(f"/campaigns/{CAMPAIGN}")).status_code == 200
    assert any(row["effective_from"] == "9999-12-31" for row in (await campaign.get("/targets"))["targets"])


async def test_the_campaigns_are_listed(reporting: Reporting) -> None:
    await reporting.hear(opened(), opened(campaign="batu-2024", name="Pilkada Kota Batu", clock="live"))
    await reporting.hear(recording(1, campaign="later-2029"))
    listed = (await reporting.http.get("/v1/campaigns")).json()["campaigns"]
    assert [(each["campaign"], each["name"], each["clock"]) for each in listed] == [
        ("batu-2024", "Pilkada Kota Batu", "live"), ("later-2029", None, "live"),
        (CAMPAIGN, "Pilkada Kota Malang 2024", "replay"),
    ]  # fmt: skip


async def test_facts_before_the_campaign_was_opened_are_answered(reporting: Reporting) -> None:
    await reporting.hear(recording(1), decided(1, "counted"))
    answer = await reporting.get("/coverage")
    assert (answer["as_of"], answer["total"]["recorded"], answer["total"]["target"]) == ("2024-10-01", 1, None)
    assert START + timedelta(hours=9) == at(1, 17)
