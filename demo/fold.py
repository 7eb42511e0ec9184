"""The rules in a few lines of plain Python: what the running system should answer. For the tests alone."""

from bisect import insort
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from demo.campaign import Campaign
from demo.model import Correction, Plan, Submission

TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Version:
    """A person's state since `known_at`."""

    known_at: datetime
    counts: bool
    group: str
    recorded_on: date
    cause: str


@dataclass
class _Person:
    standing: list[tuple[datetime, str]] = field(default_factory=list)
    reattributed: str | None = None
    versions: list[Version] = field(default_factory=list)


class Fold:
    """Replays a plan day by day, as the driver does."""

    def __init__(self, campaign: Campaign, plan: Plan) -> None:
        self._campaign = campaign
        self._persons: dict[str, _Person] = defaultdict(_Person)
        self._submissions = {s.submission_id: s for s in plan.submissions}
        self.outcomes: Counter[str] = Counter()
        steps: list[Submission | Correction] = [*plan.submissions, *plan.corrections]
        for step in sorted(steps, key=self._order):
            self._apply(step)

    def recorded(self, as_of: date, known_at: datetime | None = None) -> Counter[str]:
        """Persons who count, by group, between the beginning of the drive and `as_of`."""
        return Counter(v.group for p in self._persons.values() if (v := self._counted(p, as_of, known_at)))

    def late(self, as_of: date, known_at: datetime) -> Counter[tuple[str, int]]:
        """Those who count as of that day now and did not then (+1), and the other way round (-1), by cause."""
        changes: Counter[tuple[str, int]] = Counter()
        for person in self._persons.values():
            then, now = self._counted(person, as_of, known_at), self._counted(person, as_of, None)
            if bool(then) != bool(now):
                changes[person.versions[-1].cause, 1 if now else -1] += 1
        return changes

    def _order(self, step: Submission | Correction) -> tuple[date, int, datetime]:
        """Within a day submissions come first: the driver waits for their decisions before it corrects them."""
        at = step.replayed_at if isinstance(step, Submission) else step.known_at
        return at.astimezone(self._campaign.zone).date(), int(isinstance(step, Correction)), at

    def _counted(self, person: _Person, as_of: date, known_at: datetime | None) -> Version | None:
        last = next((v for v in reversed(person.versions) if known_at is None or v.known_at <= known_at), None)
        first: date = self._campaign.facts["drive_from"]
        return last if last and last.counts and first <= last.recorded_on <= as_of else None

    def _apply(self, step: Submission | Correction) -> None:
        if isinstance(step, Submission):
            outcome = self._held(step)
            if outcome is None:
                person = self._persons[step.person.nik]
                before = person.standing[0] if person.standing else None
                insort(person.standing, (step.recorded_at, step.submission_id))
                outcome = "counted" if person.standing[0][1] == step.submission_id else "duplicate"
                if outcome == "counted":
                    self._version(person, step.replayed_at, "recorded" if before is None else "earlier_recording")
            self.outcomes[outcome] += 1
            return
        submission = self._submissions[step.submission_id]
        person, place = self._persons[submission.person.nik], (submission.recorded_at, submission.submission_id)
        if step.action == "void":
            person.standing.remove(place)
            self._version(person, step.known_at, "voided")
        elif step.action == "restore":
            insort(person.standing, place)
            self._version(person, step.known_at, "restored")
        else:
            person.reattributed = step.group
            self._version(person, step.known_at, "reattributed")

    def _held(self, s: Submission) -> str | None:
        facts, voting_day = self._campaign.facts, self._campaign.facts["voting_day"]
        day = s.recorded_at.astimezone(self._campaign.zone).date()
        if s.device.startswith("training-"):
            return "rejected"
        early, ahead = day < facts["opens_on"], s.recorded_at > s.replayed_at + timedelta(minutes=5)
        too_young = _birthday(s.person.birth_date, 16) > day
        no_voter = _birthday(s.person.birth_date, 17) > voting_day and not s.person.married
        return "held" if early or ahead or too_young or no_voter else None

    def _version(self, person: _Person, at: datetime, cause: str) -> None:
        last = person.versions[-1] if person.versions else None
        known_at = max(at.astimezone(UTC), last.known_at + TICK) if last else at.astimezone(UTC)
        if person.standing:
            first = self._submissions[person.standing[0][1]]
            group = person.reattributed or first.group or "outside"
            recorded_on = first.recorded_at.astimezone(self._campaign.zone).date()
            person.versions.append(Version(known_at, True, group, recorded_on, cause))
        elif last:
            person.versions.append(Version(known_at, False, last.group, last.recorded_on, cause))


def _birthday(born: date, age: int) -> date:
    """The day someone reaches that age; who is born on 29 February does on 1 March."""
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return date(born.year + age, 3, 1)
