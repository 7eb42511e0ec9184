"""A batch of counters' messages, decided in the batch's transaction.

Locks are taken in one order by everybody: campaign, submissions, citizens, persons, devices; each kind sorted. So two
owners of a partition, or an office that voids meanwhile, wait for each other and never in a circle.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from prometheus_client import Counter

from chassis.bodies import LATEST
from contracts.decisions import SubmissionDecided
from contracts.schools import CampaignOpened
from contracts.submissions import RecordingSubmitted
from enrollment.devices import store as devices
from enrollment.identity import store as identities
from enrollment.identity.keys import SealingKeys
from enrollment.identity.store import Citizen
from enrollment.identity.vault import Vault
from enrollment.recordings import store
from enrollment.recordings.judge import Closed, DeadLetter, Judge, Judged, Message
from enrollment.recordings.revisions import Step, change, decision_event
from enrollment.recordings.rules import Decision, cause_of_arrival
from enrollment.recordings.settle import write
from enrollment.recordings.store import Key
from enrollment.schools import store as schools
from exactly_once import Batch, Connection, Received, decision_instant

Pair = tuple[Received[Message], Judged]


class Intake:
    """The handler of the topic `recording-submissions`."""

    def __init__(self, vault: Vault, keys: SealingKeys, decided: Counter) -> None:
        self._vault, self._keys, self._decided = vault, keys, decided

    async def __call__(self, tx: Connection, batch: Batch[Any]) -> None:
        """Decides every authentic submission of the batch; what is not authentic becomes a dead letter."""
        judge = await self._judge(tx, batch)
        judgements = await asyncio.to_thread(lambda: [judge.judge(received) for received in batch])
        pairs: list[Pair] = []
        closed: list[Closed] = []
        for received, judgement in zip(batch, judgements, strict=True):
            if isinstance(judgement, DeadLetter):
                batch.reject(received, judgement.reason, judgement.detail)
            elif isinstance(judgement, Closed):
                closed.append(judgement)
            else:
                pairs.append((received, judgement))
        await devices.add_closed_sessions(tx, [(session.event, session.received_at) for session in closed])
        new = await self._claim(tx, batch, pairs)
        if new:
            await self._decide(tx, new)

    async def _judge(self, tx: Connection, batch: Batch[Any]) -> Judge:
        events: list[Message] = [received.event for received in batch]
        known_devices = await devices.devices(tx, {event.device_id for event in events})
        campaigns: dict[str, CampaignOpened] = {}
        for campaign in sorted({event.campaign for event in events if event.device_id in known_devices}):
            await schools.share_campaign(tx, campaign)
            if (opened := await schools.campaign_now(tx, campaign)) is not None:
                campaigns[campaign] = opened
        kids = {event.kid for event in events if isinstance(event, RecordingSubmitted)}
        return Judge(self._vault, known_devices, campaigns, await self._keys.private(tx, kids))

    async def _claim(self, tx: Connection, batch: Batch[Any], pairs: Sequence[Pair]) -> list[Judged]:
        """Stores the submissions that are new and answers them. A repeat is nothing; other content is a conflict."""
        first: dict[Key, Judged] = {}
        for _, judged in pairs:
            first.setdefault(_key(judged), judged)
        claimed = await store.claim(tx, [judged.facts for judged in first.values()]) if first else set()
        stored = await store.contents(tx, first.keys() - claimed) if first.keys() - claimed else {}
        stored |= {key: judged.facts.content_sha256 for key, judged in first.items() if key in claimed}
        for received, judged in pairs:
            if stored[_key(judged)] != judged.facts.content_sha256:
                batch.reject(received, "submission_conflict", "this submission_id was used for another content")
        return [judged for key, judged in first.items() if key in claimed]

    async def _decide(self, tx: Connection, new: Sequence[Judged]) -> None:
        # One after the other, as if each had come alone: what is decided does not depend on how the log was cut into
        # batches. In a replayed campaign the replayed clock says which was first.
        in_order = sorted(new, key=lambda judged: judged.replayed_at or LATEST)
        person_of = await self._persons(tx, in_order)
        await store.lock(tx, set(person_of.values()))
        now = await decision_instant(tx)
        known = await store.load(tx, set(person_of.values()))
        await store.attribute(tx, [(*key, person_id) for key, (_, person_id) in person_of.items()])
        steps: list[Step] = []
        nobodys: list[SubmissionDecided] = []
        for judged in in_order:
            recording, at = judged.facts.recording, judged.replayed_at or now
            person_key = person_of.get(_key(judged))
            if person_key is None:
                decision = Decision("rejected", judged.facts.refused)
                nobodys.append(decision_event(judged.facts.event.campaign, recording, decision, None, at))
                continue
            before = known[person_key]
            step = change(before, before.person.recorded(recording), cause_of_arrival(before.state), at)
            known[person_key] = step.known
            steps.append(step)
        for event in await write(tx, steps, nobodys):
            self._decided.labels(event.outcome, event.reason or "").inc()

    async def _persons(self, tx: Connection, in_order: Sequence[Judged]) -> dict[Key, Key]:
        """Whose submissions they are: person by submission, without those that name nobody."""
        citizens: dict[tuple[str, bytes], Citizen] = {}
        for judged in in_order:
            if judged.citizen is not None:
                citizens.setdefault((judged.citizen.campaign, judged.citizen.nik_hmac), judged.citizen)
        persons = await identities.persons_of(tx, list(citizens.values())) if citizens else {}
        return {
            _key(judged): (judged.citizen.campaign, persons[judged.citizen.campaign, judged.citizen.nik_hmac])
            for judged in in_order
            if judged.citizen is not None
        }


def _key(judged: Judged) -> Key:
    return judged.facts.event.campaign, judged.facts.event.submission_id
