"""Recording sets over HTTP."""

from tests.integration.scheduling.conftest import KNOWN_AT, Scheduling, opened


async def test_a_set_is_made_said_again_and_changed(empty: Scheduling) -> None:
    await empty.hear(opened())
    made = await empty.ask("PUT", "/sets/alat-1", {"known_at": KNOWN_AT, "label": "Alat 1"})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert made.json() == {
        "campaign": "ujian-2024",
        "set_id": "alat-1",
        "revision": 1,
        "known_at": "2024-11-01T02:00:00Z",
        "label": "Alat 1",
        "in_service": True,
    }
    again = await empty.ask("PUT", "/sets/alat-1", {"known_at": "2024-11-02T09:00:00+07:00", "label": "Alat 1"})
    assert (again.status_code, again.json()) == (200, made.json())
    changed = await empty.ask("PUT", "/sets/alat-1", {"known_at": KNOWN_AT, "in_service": False}, if_match='"1"')
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["in_service"], "label" in changed.json()) == (False, False)
    await empty.ask("PUT", "/sets/alat-0", {"known_at": KNOWN_AT})
    found = (await empty.ask("GET", "/sets")).json()["sets"]
    assert [(one["set_id"], one["revision"]) for one in found] == [("alat-0", 1), ("alat-1", 2)]
    assert await empty.tx.fetchval("SELECT count(*) FROM scheduling.set_revision WHERE id = 'alat-1'") == 2


async def test_a_set_is_made_and_not_changed_when_it_is_said_so(empty: Scheduling) -> None:
    await empty.hear(opened())
    body = {"known_at": KNOWN_AT, "label": "Alat 1"}
    assert (await empty.ask("PUT", "/sets/alat-1", body, if_none_match="*")).status_code == 201
    for again in (body, {**body, "label": "Alat 2"}):
        there = await empty.ask("PUT", "/sets/alat-1", again, if_none_match="*")
        assert (there.status_code, there.json()["type"], there.headers["etag"]) == (412, "/problems/exists", '"1"')
    both = await empty.ask("PUT", "/sets/alat-1", body, if_none_match="*", if_match='"1"')
    assert (both.status_code, both.json()["errors"][0]["parameter"]) == (422, "If-None-Match")
    assert (await empty.ask("PUT", "/sets/alat-1", body, if_none_match='"1"')).status_code == 422
    [read] = (await empty.ask("GET", "/sets")).json()["sets"]
    assert (read["revision"], read["label"]) == (1, "Alat 1")


async def test_a_set_that_a_coming_visit_counts_on_stays_in_service(scheduling: Scheduling) -> None:
    visit = await scheduling.scheduled()
    out = {"known_at": KNOWN_AT, "in_service": False}
    refused = await scheduling.ask("PUT", "/sets/set-1", out)
    assert (refused.status_code, refused.json()["reason"]) == (409, "set_needed")
    assert [each["visit_id"] for each in refused.json()["visits"]] == [visit["visit_id"]]
    await scheduling.ask("PATCH", f"/visits/{visit['visit_id']}", {"known_at": KNOWN_AT, "sets": ["set-2"]})
    assert (await scheduling.ask("PUT", "/sets/set-1", out)).status_code == 200
    gone = await scheduling.schedule(sets=["set-1"])
    assert (gone.status_code, gone.json()["reason"], gone.json()["sets"]) == (409, "set_out_of_service", ["set-1"])
    assert (await scheduling.scheduled(sets=1))["sets"] == ["set-3"]
