"""The counters of the drive: each a real one with its own folder, key and queue; they share one producer."""

import shutil
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import httpx
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from counter import Counter, KafkaTransport, Recording
from counter.device import unpadded
from demo.addresses import Addresses
from demo.errors import DemoError
from demo.model import Device, Submission

SECOND: Final = timedelta(seconds=1)


class Counters:
    """Sets a counter up when it is first needed, records with it, and sends what it has stored."""

    def __init__(self, addresses: Addresses, campaign: str, devices: Iterable[Device], http: httpx.AsyncClient) -> None:
        self._addresses, self._campaign, self._http = addresses, campaign, http
        self._devices = {device.name: device for device in devices}
        self._transport = KafkaTransport(addresses.kafka)
        self._open: dict[str, Counter] = {}
        self._clones = 0

    async def close(self) -> None:
        for counter in self._open.values():
            counter.close()
        await self._transport.close()

    async def record(self, name: str, submissions: list[Submission]) -> None:
        """Stores a device's recordings, and closes the sessions that they belong to."""
        if self._devices[name].foreign_key:
            await self._forget_keys(name)
        counter = await self._counter(name)
        counter.record_many([_recording(submission) for submission in submissions])
        last: dict[str, Submission] = {s.session_id: s for s in submissions if s.session_id}
        for session_id, submission in last.items():
            counter.close_session(
                session_id, closed_at=submission.recorded_at + SECOND, replayed_at=submission.replayed_at + SECOND
            )

    async def send(self, name: str, *, twice: bool = False) -> None:
        """Sends what waits. `twice`: a copy of the laptop, restored from a backup, sends the very same again."""
        counter = await self._counter(name)
        copies = [self._clone(counter)] if twice else []
        for sender in (counter, *copies):
            summary = await sender.send()
            if not summary.complete:
                raise DemoError(f"the counter {name} could not send: {summary.error or summary.refused[:1]}")
        for copy in copies:
            copy.close()

    async def outcomes(self) -> dict[str, int]:
        """Reads the decisions back at every counter, and adds up what became of the submissions."""
        outcomes: dict[str, int] = defaultdict(int)
        for counter in self._open.values():
            await counter.refresh_decisions()
            status = counter.status()
            for outcome, number in status.outcomes.items():
                outcomes[outcome] += number
            outcomes["undecided"] += status.sent + status.stored_here
        return dict(outcomes)

    async def _counter(self, name: str) -> Counter:
        device = self._devices[name]
        if name not in self._open:
            self._open[name] = await Counter.init(
                self._addresses.counters / name,
                campaign=self._campaign,
                enrollment=self._addresses.enrollment,
                kind=device.kind,
                place=device.place,
                transport=self._transport,
                http=self._http,
            )
        return self._open[name]

    def _clone(self, counter: Counter) -> Counter:
        self._clones += 1
        folder = self._addresses.counters / f"backup-{self._clones:02}"
        shutil.copytree(counter.home.folder, folder)
        return Counter.open(folder, transport=self._transport, http=self._http)

    async def _forget_keys(self, name: str) -> None:
        """The laptop comes back from the training server: it seals to a key that enrollment does not have."""
        counter = await self._counter(name)
        public = X25519PrivateKey.generate().public_key().public_bytes_raw()
        key = {"kid": "training", "kty": "OKP", "crv": "X25519", "x": unpadded(public)}
        counter.home.keep_keyset({"keys": [key]})
        counter.close()
        self._open[name] = Counter.open(counter.home.folder, transport=self._transport, http=self._http)


def _recording(submission: Submission) -> Recording:
    person = submission.person
    return Recording(
        nik=person.nik,
        birth_date=person.birth_date,
        married=person.married,
        recorded_at=submission.recorded_at,
        group=submission.group,
        domicile_regency=person.domicile,
        kind=submission.kind,
        place=submission.place,
        session_id=submission.session_id,
        family_card=submission.family_card,
        birth_certificate=submission.birth_certificate,
        submission_id=submission.submission_id,
        replayed_at=submission.replayed_at,
    )
