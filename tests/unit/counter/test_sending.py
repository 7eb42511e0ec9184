"""Sending: in order, again while the outcome is unknown, always the same bytes; a refused record stops no other."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from contracts.envelope import REPLAYED_AT_HEADER, header
from counter import Busy, Counter, NotSetUp, Outcome, Outgoing, Sending
from counter.submission import outgoing
from tests.unit.counter.support import NOON, Broker, Office, killed, new_counter, nik, recording, values


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def sender(counter: Counter, home: Path, broker: Broker) -> Counter:
    return Counter.open(home, transport=broker)


def every(state: str, message: str = "") -> Callable[[Sequence[Outgoing]], list[Outcome]]:
    return lambda records: [Outcome(state, message)] * len(records)  # type: ignore[arg-type]


async def test_all_is_sent_in_the_order_of_its_numbers(sender: Counter, broker: Broker) -> None:
    sender.record_many([recording(n % 9999 + 1) for n in range(1200)])
    seen: list[Sending] = []
    summary = await sender.send(progress=seen.append)
    assert (summary.sent, summary.left, summary.complete) == (1200, 0, True)
    assert [record.value for record in broker.topic] == values(sender)
    assert {record.key for record in broker.topic} == {sender.device_id.encode()}
    assert (seen[0], seen[-1]) == (Sending(0, 0, 1200), Sending(1200, 0, 0))
    now = sender.status()
    assert (now.stored_here, now.sent, now.total) == (0, 1200, 1200)
    assert (await sender.send()).sent == 0, "what is sent is not sent again"


async def test_an_unknown_outcome_is_sent_again_unchanged(sender: Counter, broker: Broker) -> None:
    sender.record_many([recording(n) for n in (1, 2, 3)])

    def lost_answer(records: Sequence[Outgoing]) -> list[Outcome]:
        broker.topic.extend(records)
        return [Outcome("sent"), Outcome("unknown", "no answer"), Outcome("sent")]

    broker.script = [lost_answer]
    summary = await sender.send()
    assert (summary.sent, summary.left) == (3, 0)
    first, again = broker.topic[:3], broker.topic[3:]
    assert again == [first[1]], "the same key, value and headers, and only this one"
    assert sender.status().last_error is None


async def test_a_refused_record_stops_no_other_and_is_tried_by_the_next_send(sender: Counter, broker: Broker) -> None:
    kept = sender.record_many([recording(n) for n in (1, 2, 3)])
    broker.script = [lambda _: [Outcome("sent"), Outcome("refused", "too large"), Outcome("sent")]]
    summary = await sender.send()
    assert (summary.sent, summary.refused, summary.left, summary.complete) == (2, [(2, "too large")], 0, False)
    now = sender.status()
    assert (now.sent, now.needs_attention, now.stored_here) == (2, 1, 0)
    assert [(one.submission_id, one.why, one.reason) for one in now.attention] == [
        (kept[1].submission_id, "not sent", "too large")
    ]
    assert (await sender.send()).complete
    assert sender.status().sent == 3


class Clock:
    """Time that passes only while sending pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float, stop: asyncio.Event) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("counter.sending.time", clock)
    monkeypatch.setattr("counter.sending._sleep", clock.sleep)
    return clock


async def test_it_gives_up_when_nothing_moves(sender: Counter, broker: Broker, clock: Clock) -> None:
    sender.record(recording())
    broker.script = [every("unknown", "Kafka does not answer")] * 100
    seen: list[Sending] = []
    summary = await sender.send(deadline=60, progress=seen.append)
    assert (summary.ended, summary.left, summary.error) == ("deadline", 1, "Kafka does not answer")
    assert 50 < clock.now <= 60
    assert 12 < broker.attempts < 40, "with pauses that grow to 5 seconds"
    assert seen[-1].waiting_for == "Kafka does not answer"
    now = sender.status()
    assert (now.stored_here, now.needs_attention, now.last_error) == (1, 0, "Kafka does not answer")


async def test_a_refusal_is_no_confirmation_and_renews_nothing(sender: Counter, broker: Broker, clock: Clock) -> None:
    sender.record_many([recording(n) for n in (1, 2)])
    broker.script = [lambda _: [Outcome("unknown", "no leader"), Outcome("refused", "too large")]] * 500
    summary = await sender.send(deadline=60)
    assert (summary.ended, summary.refused, summary.left) == ("deadline", [(2, "too large")], 1)
    assert 50 < clock.now <= 60


async def test_every_confirmation_renews_the_patience(sender: Counter, broker: Broker, clock: Clock) -> None:
    sender.record_many([recording(n) for n in (1, 2)])
    down = every("unknown")
    broker.script = [*[down] * 5, lambda _: [Outcome("sent"), Outcome("unknown")], *[down] * 4]
    summary = await sender.send(deadline=7)
    assert summary.complete and clock.now > 6


async def test_it_stops_when_told_with_a_true_summary(sender: Counter, broker: Broker) -> None:
    sender.record_many([recording(n) for n in (1, 2)])
    stop = asyncio.Event()

    def stopped(records: Sequence[Outgoing]) -> list[Outcome]:
        stop.set()
        return [Outcome("sent"), Outcome("unknown", "no answer")]

    broker.script = [stopped]
    summary = await sender.send(stop=stop)
    assert (summary.ended, summary.sent, summary.left) == ("interrupted", 1, 1)
    assert (sender.status().sent, sender.status().stored_here) == (1, 1)


async def test_told_to_stop_it_does_not_wait_for_a_hanging_broker(
    sender: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counter.sending.GRACE", 0.05)
    sender.record(recording())
    stop = asyncio.Event()

    class Hanging(Broker):
        async def send(self, records: Sequence[Outgoing]) -> list[Outcome]:
            stop.set()
            await asyncio.Event().wait()
            return []

    with Counter.open(sender.home.folder, transport=Hanging()) as counter:
        summary = await counter.send(stop=stop)
    assert (summary.ended, summary.left) == ("interrupted", 1)


async def test_a_decision_before_the_confirmation_stays(sender: Counter, broker: Broker, office: Office) -> None:
    kept = sender.record(recording())
    office.decide(kept.submission_id, "counted")

    def decided_meanwhile(records: Sequence[Outgoing]) -> list[Outcome]:
        decision = {"reason": None, **office.decisions[0]}
        sender.queue.decide([decision], "1")
        return [Outcome("sent")]

    broker.script = [decided_meanwhile]
    await sender.send()
    assert (sender.status().decided, sender.status().sent) == (1, 0)


async def test_two_senders_of_one_home_are_one_too_many(sender: Counter, home: Path) -> None:
    sender.record(recording())
    refusals: list[str] = []

    class Second(Broker):
        async def send(self, records: Sequence[Outgoing]) -> list[Outcome]:
            with Counter.open(home, transport=Broker()) as other:
                assert other.record(recording(2)).device_seq == 2, "recording goes on"
                with pytest.raises(Busy) as busy:
                    await other.send()
                refusals.append(str(busy.value))
            return await Broker.send(self, records)

    stop = asyncio.Event()
    with Counter.open(home, transport=Second()) as first:
        await first.send(progress=lambda now: stop.set() if now.sent else None, stop=stop)
    assert "wait for it to end" in refusals[0] and "counter send" in refusals[0]
    with Counter.open(home, transport=Broker()) as free:
        assert (await free.send()).complete, "the lock is free again"


async def test_without_an_address_of_kafka_it_is_not_set_up(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    with pytest.raises(NotSetUp, match="no address of Kafka"):
        await counter.send()


async def test_without_enrollment_it_sends_all_the_same(sender: Counter, office: Office) -> None:
    sender.record(recording())
    office.refuse = (503, {"title": "Down"})
    summary = await sender.send()
    assert summary.complete and "keys were not refreshed" in summary.notes[0]


async def test_the_replayed_time_travels_as_header_and_only_then(sender: Counter, broker: Broker) -> None:
    sender.record_many([recording(1, replayed_at=NOON), recording(2)])
    await sender.send()
    assert [header(record.headers, REPLAYED_AT_HEADER) for record in broker.topic] == [NOON.isoformat().encode(), None]
    assert {"ce_type", "ce_id", "content-type", "jb-signature"} <= {name for name, _ in broker.topic[0].headers}


async def test_killed_at_any_step_of_a_send_the_next_one_sends_the_rest_unchanged(
    tmp_path: Path, office: Office
) -> None:
    step, survived = 0, False
    while not survived:
        step += 1
        home, topic = tmp_path / f"home{step}", tmp_path / f"topic{step}"
        with await new_counter(home, office) as counter:
            counter.record_many([recording(n) for n in (1, 2, 3)])
            expected = [outgoing(one, counter.device_id) for one in counter.queue.unsent(0, 9)]

        class FileBroker(Broker):
            """What it was sent survives the sender."""

            count: Callable[[], None]
            file: Path

            async def send(self, records: Sequence[Outgoing]) -> list[Outcome]:
                for record in records:
                    self.count()
                    with self.file.open("ab") as file:
                        file.write(record.value + b"\n")
                self.count()
                return [Outcome("sent")] * len(records)

        def send(count: Callable[[], None], home: Path = home, topic: Path = topic) -> None:
            asyncio.events._set_running_loop(None)
            broker = FileBroker()
            broker.count, broker.file = count, topic
            with Counter.open(home, transport=broker) as counter:
                counter.queue._db.set_trace_callback(lambda _: count())
                asyncio.run(counter.send())

        survived = not killed(send, step)
        already = topic.read_bytes().splitlines() if topic.exists() else []
        broker = Broker()
        with Counter.open(home, transport=broker) as counter:
            assert (await counter.send()).complete
            assert counter.status().sent == 3
        assert {*already, *(record.value for record in broker.topic)} == {one.value for one in expected}
        assert all(record in expected for record in broker.topic), "headers too are the same"
        assert [office.open(one.value).nik for one in expected] == [nik(1), nik(2), nik(3)]
    assert step > 12
