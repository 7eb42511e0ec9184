"""A principal sees the visits to the own schools; who decided a visit stands in its event."""

from __future__ import annotations

import json

import httpx

from chassis.migrate import migrate
from scheduling.app import MIGRATIONS
from scheduling.visits import store
from scheduling.visits.model import event
from stack.postgres import Database
from tests.integration.scheduling.conftest import NPSN, REPLAYED, Scheduling, listed, opened, parts, visit
from tests.issuer import LocalIssuer

VISITS = f"/v1/campaigns/{REPLAYED}/visits"


async def test_own_schools_and_foreign_ones(database: Database, issuer: LocalIssuer) -> None:
    await migrate(database.owner_url, MIGRATIONS)
    app = parts(database, oidc_issuer=issuer.url)
    coordinator, principal = issuer.bearer("coordinator"), issuer.bearer("principal", jb_schools=[NPSN[0]])
    async with app, httpx.AsyncClient(transport=httpx.ASGITransport(app.http), base_url="http://scheduling") as http:
        service = Scheduling(app, http, None)  # type: ignore[arg-type]
        assert await service.hear(opened(), *(listed(npsn) for npsn in NPSN)) == []
        http.headers.update(coordinator)
        await service.put_sets("set-1", "set-2")
        own = await service.scheduled()
        foreign = await service.scheduled(groups=[f"npsn:{NPSN[1]}"], sets=["set-2"])
        both = await service.scheduled(groups=[f"npsn:{NPSN[0]}", f"npsn:{NPSN[1]}"], day="2024-11-13")

        seen = (await http.get(VISITS, headers=principal)).json()["visits"]
        assert [each["visit_id"] for each in seen] == [own["visit_id"], both["visit_id"]]
        assert (await http.get(f"{VISITS}/{own['visit_id']}", headers=principal)).status_code == 200
        absent = await http.get(f"{VISITS}/{foreign['visit_id']}", headers=principal)
        unknown = await http.get(f"{VISITS}/0192d3a0-0000-7000-8000-00000000dead", headers=principal)
        assert (absent.status_code, absent.json()) == (404, unknown.json()), "as one that is not there"
        assert len((await http.get(VISITS)).json()["visits"]) == 3
        as_head_too = issuer.bearer("principal", jb_roles=["principal", "head"], jb_schools=[NPSN[0]])
        assert len((await http.get(VISITS, headers=as_head_too)).json()["visits"]) == 3
        refused = await http.post(VISITS, json=visit(day="2024-11-14"), headers=principal)
        assert refused.status_code == 403

        async with app.pools[0].acquire() as tx:
            events = [json.loads(value) for (value,) in await tx.fetch("SELECT value FROM exactly_once.outbox")]
            stored = await store.last(tx, REPLAYED, foreign["visit_id"], 1)
            entries = await tx.fetch("SELECT entry FROM chassis.audit ORDER BY seq")
        deciders = {told["decided_by"] for told in events if told["visit_id"] == foreign["visit_id"]}
        assert len(deciders) == 1
        assert stored is not None and {event(stored).decided_by} == deciders, "a lost topic can be told again"
        acts = [json.loads(entry)["act"].rpartition("/")[2] for (entry,) in entries]
        assert acts == ["{set_id}"] * 2 + ["visits"] * 3
