"""An empty stack (`make up`), a campaign of one's own, one recording, and the number that moves."""

import asyncio
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from counter import Counter, Recording

if not Path(".local/stack.env").exists():
    raise SystemExit("Start the stack first: make up")
ENV = dict(line.split("=", 1) for line in Path(".local/stack.env").read_text().splitlines())
CAMPAIGN = "/v1/campaigns/kota-contoh"
WIB = ZoneInfo("Asia/Jakarta")
TODAY = datetime.now(WIB).date()


async def main() -> None:
    office = httpx.Client(base_url=ENV["ENROLLMENT_URL"], headers={"Authorization": f"Bearer {ENV['TOKEN']}"})
    head = httpx.Client(base_url=ENV["REPORTING_URL"])

    # 1. The office opens a campaign, lists a school and decides its target.
    campaign = {
        "name": "Kota Contoh",
        "region_code": "35.73",
        "zone": "Asia/Jakarta",
        "opens_on": str(TODAY - timedelta(days=7)),
        "voting_day": str(TODAY + timedelta(days=30)),
    }
    office.put(CAMPAIGN, json=campaign).raise_for_status()
    school = {"name": "SMA Contoh 1", "school_kind": "SMA", "ownership": "public", "kecamatan": "Klojen"}
    office.put(f"{CAMPAIGN}/schools/20599901", json=school).raise_for_status()
    target = {
        "scope": "npsn:20599901",
        "value": 2,
        "effective_from": str(TODAY - timedelta(days=7)),
        "split": "stated",
        "reason": "Two pupils turn 17",
    }
    office.post(f"{CAMPAIGN}/targets", json=target).raise_for_status()

    # 2. A counter records somebody. The NIK is sealed before it touches the disk.
    with tempfile.TemporaryDirectory() as home:
        counter = await Counter.init(
            Path(home, "counter"),
            campaign="kota-contoh",
            enrollment=ENV["ENROLLMENT_URL"],
            kafka=ENV["KAFKA_BOOTSTRAP_SERVERS"],
            kind="office",
            place="Loket 1",
            token=ENV["TOKEN"],
        )
        with counter:
            person = Recording(
                nik="3573990101070001",
                birth_date=date(2007, 1, 1),
                group="npsn:20599901",
                recorded_at=datetime.now(WIB),
            )
            counter.record(person)
            await counter.send()

    # 3. The number moves.
    while not (coverage := head.get(f"{CAMPAIGN}/coverage").json()).get("total", {}).get("recorded"):
        await asyncio.sleep(0.05)
    total = coverage["total"]
    print(f"{total['recorded']} of {total['target']} recorded ({total['coverage']:.0%}), {total['remaining']} to go")


asyncio.run(main())
