"""A batch of counters' messages, decided in the batch's transaction.

Locks are taken in one order by everybody: campaign, submissions, citizens, persons, devices; each kind sorted. So two
owners of a partition, or an office that voids meanwhile, wait for each other and never in a circle.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from prometheus_client import Counter

from contracts.days import LATEST
from contracts.decisions import SubmissionDecided
from contracts.schools import CampaignOpened
from contracts.submissions import RecordingSubmitted
from enrollment.campaigns import store as campaigns
from enrollment.devices import store as devices
from enrollment.identity import store as identities
from enrollment.identity.keys import SealingKeys
from enrollment.identity.store import Citizen
from enrollment.identity.vault import Vault
from enrollment.persons import store as persons
from enrollment.persons.handlers import publish
from enrollment.persons.revisions import Step, change, decision_event
from enrollment.persons.rules import Decision, cause_of_arrival
from enrollment.persons.store import Key
from enrollment.submissions import store
from enrollment.submissions.authenticate import Assessed, Authenticator, Closed, Message, Unauthenticated
from exactly_once import Batch, Connection, Received, decision_instant

Pair = tuple[Received[Message], Assessed]


class Intake:
    """The handler of the topic `recording-submissions`."""

    def __init__(self, vault: Vault, keys: SealingKeys, decided: Counter) -> None:
        self._vault, self._keys, self._decided = vault, keys, decided

    async def __call__(self, tx: Connection, batch: Batch[Any]) -> None:
        """Decides every authentic submission of the batch; what is not authentic becomes a dead letter."""
        authenticator = await self._authenticator(tx, batch)
        assessments = await asyncio.to_thread(lambda: [authenticator.assess(received) for received in batch])
        pairs: list[Pair] = []
        closed: list[Closed] = []
        for received, assessment in zip(batch, assessments, strict=True):
            if isinstance(assessment, Unauthenticated):
                batch.reject(received, assessment.reason, assessment.detail, of_sender=assessment.of_sender)
            elif isinstance(assessment, Closed):
                closed.append(assessment)
            else:
                pairs.append((received, assessment))
        await devices.add_closed_sessions(tx, [(session.event, session.received_at) for session in closed])
        new = await self._claim(tx, batch, pairs)
        if new:
            await self._decide(tx, new)

    async def _authenticator(self, tx: Connection, batch: Batch[Any]) -> Authenticator:
        events: list[Message] = [received.event for received in batch]
        registered = await devices.devices(tx, {event.device_id for event in events})
        opened: dict[str, CampaignOpened] = {}
        for campaign in sorted({event.campaign for event in events if event.device_id in registered}):
            await campaigns.share(tx, campaign)
            if (last := await campaigns.CAMPAIGNS.last(tx, campaign, campaign)) is not None:
                opened[campaign] = last
        kids = {event.kid for event in events if isinstance(event, RecordingSubmitted)}
        return Authenticator(self._vault, registered, opened, await self._keys.private(tx, kids))

    async def _claim(self, tx: Connection, batch: Batch[Any], pairs: Sequence[Pair]) -> list[Assessed]:
        """Stores the submissions that are new and returns them. A repeat is nothing; other content is a conflict."""
        first: dict[Key, Assessed] = {}
        for _, assessed in pairs:
            first.setdefault(_key(assessed), assessed)
        claimed = await store.claim(tx, [assessed.facts for assessed in first.values()]) if first else set()
        stored = await store.contents(tx, first.keys() - claimed) if first.keys() - claimed else {}
        stored |= {key: assessed.facts.content_sha256 for key, assessed in first.items() if key in claimed}
        for received, assessed in pairs:
            if stored[_key(assessed)] != assessed.facts.content_sha256:
                batch.reject(received, "submission_conflict", "this submission_id was used for another content")
        return [assessed for key, assessed in first.items() if key in claimed]

    async def _decide(self, tx: Connection, new: Sequence[Assessed]) -> None:
        # One after the other, as if each had come alone: what is decided does not depend on how the log was cut into
        # batches. In a replayed campaign the replayed clock says which was first.
        in_order = sorted(new, key=lambda assessed: assessed.replayed_at or LATEST)
        person_of = await self._persons(tx, in_order)
        await persons.lock(tx, set(person_of.values()))
        now = await decision_instant(tx)
        latest = await persons.load(tx, set(person_of.values()))
        await store.attribute(tx, [(*key, person_id) for key, (_, person_id) in person_of.items()])
        steps: list[Step] = []
        unidentified: list[SubmissionDecided] = []
        for assessed in in_order:
            submission, at = assessed.facts.submission, assessed.replayed_at or now
            person_key = person_of.get(_key(assessed))
            if person_key is None:
                decision = Decision("rejected", assessed.facts.refused)
                unidentified.append(decision_event(assessed.facts.event.campaign, submission, decision, None, at))
                continue
            before = latest[person_key]
            step = change(before, before.person.recorded(submission), cause_of_arrival(before.state), at)
            latest[person_key] = step.known
            steps.append(step)
        for event in await publish(tx, steps, unidentified):
            self._decided.labels(event.outcome, event.reason or "").inc()

    async def _persons(self, tx: Connection, in_order: Sequence[Assessed]) -> dict[Key, Key]:
        """Whose submissions they are: person by submission, without those that name nobody."""
        citizens: dict[tuple[str, bytes], Citizen] = {}
        for assessed in in_order:
            if assessed.citizen is not None:
                citizens.setdefault((assessed.citizen.campaign, assessed.citizen.nik_hmac), assessed.citizen)
        person_ids = await identities.persons_of(tx, list(citizens.values())) if citizens else {}
        return {
            _key(assessed): (citizen.campaign, person_ids[citizen.campaign, citizen.nik_hmac])
            for assessed in in_order
            if (citizen := assessed.citizen) is not None
        }


def _key(assessed: Assessed) -> Key:
    return assessed.facts.event.campaign, assessed.facts.event.submission_id
