"""The office's commands and questions over HTTP: enrollment, scheduling and reporting as anyone else uses them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from time import monotonic
from typing import Any, Final, TypeVar

import httpx

from demo.addresses import Addresses
from demo.errors import DemoError
from demo.model import Correction, School, Statement, Target, VisitStep

Answer = TypeVar("Answer")
PATIENCE: Final = 60.0  # seconds without what is waited for
POLL: Final = 0.05  # seconds between two questions
# What scheduling says while a campaign or a school that enrollment has published is still on its way.
ON_ITS_WAY: Final = {"school_not_listed", "unknown_campaign"}


async def eventually(ask: Callable[[], Awaitable[Answer | None]], what: str) -> Answer:
    """Asks until there is an answer. Raises `DemoError` when patience ends."""
    deadline = monotonic() + PATIENCE
    while (answer := await ask()) is None:
        if monotonic() > deadline:
            raise DemoError(f"waited {PATIENCE:.0f} s in vain for {what}")
        await asyncio.sleep(POLL)
    return answer


class Office:
    """One campaign's commands and questions. Every command carries `known_at`, for the campaign is replayed."""

    def __init__(self, addresses: Addresses, campaign: str, http: httpx.AsyncClient) -> None:
        self._campaign = campaign
        self._http = http
        self._enrollment, self._scheduling, self._reporting = (
            f"{url}/v1/campaigns/{campaign}"
            for url in (addresses.enrollment, addresses.scheduling, addresses.reporting)
        )

    async def open(self, known_at: datetime, facts: dict[str, Any]) -> None:
        names = ("name", "region_code", "zone", "opens_on", "voting_day", "kinds")
        await self._do("PUT", self._enrollment, known_at, {name: facts[name] for name in names} | {"clock": "replay"})

    async def list_schools(self, known_at: datetime, schools: tuple[School, ...]) -> None:
        names = ("npsn", "name", "school_kind", "ownership", "kecamatan", "latitude", "longitude")
        rows = [{name: getattr(school, name) for name in names} | {"invented": True} for school in schools]
        await self._do("POST", f"{self._enrollment}/schools:batch", known_at, {"schools": rows})

    async def state(self, statement: Statement) -> None:
        """Enters a published figure."""
        names = ("statement_id", "population", "measure", "value", "as_of", "stated_on", "stated_by", "source")
        body = {name: getattr(statement, name) for name in names} | {"scope": "campaign"}
        await self._do("POST", f"{self._enrollment}/statements", statement.known_at, body)

    async def decide(self, target: Target) -> None:
        names = ("scope", "value", "effective_from", "counting_from", "based_on", "split", "reason")
        body = {name: value for name in names if (value := getattr(target, name)) is not None}
        await self._do("POST", f"{self._enrollment}/targets", target.known_at, body)

    async def put_set(self, known_at: datetime, number: int) -> None:
        await self._do("PUT", f"{self._scheduling}/sets/set-{number}", known_at, {"label": f"Set perekaman {number}"})

    async def plan(self, step: VisitStep) -> None:
        visit = f"{self._scheduling}/visits/{step.visit_id}"
        method, url = {
            "schedule": ("POST", f"{self._scheduling}/visits"),
            "reschedule": ("PATCH", visit),
            "cancel": ("POST", f"{visit}/cancel"),
            "complete": ("POST", f"{visit}/complete"),
        }[step.action]
        await self._do(method, url, step.known_at, step.body)

    async def correct(self, correction: Correction) -> None:
        decided = await self.decided(correction.submission_id)
        body: dict[str, Any] = {"reason": correction.reason}
        body |= {"group": correction.group} if correction.group else {"submission_id": correction.submission_id}
        url = f"{self._enrollment}/recordings/{decided['person_id']}/{correction.action}"
        await self._do("POST", url, correction.known_at, body)

    async def decided(self, submission_id: str) -> dict[str, Any]:
        """What became of a submission; waits until it is decided."""
        url = f"{self._enrollment}/submissions/{submission_id}"
        return await eventually(lambda: self._get(url), "the decision on a submission")

    async def coverage(self, as_of: date, known_at: datetime | None = None) -> dict[str, Any] | None:
        """Reporting's answer by group; None while it does not know the campaign."""
        return await self._get(f"{self._reporting}/coverage", _asked(as_of, known_at) | {"by": "group"})

    async def domiciled(self, as_of: date, known_at: datetime | None = None) -> dict[str, int]:
        """Who is domiciled in the campaign's region, elsewhere, nobody knows where."""
        asked = _asked(as_of, known_at) | {"by": "domicile"}
        domiciled: dict[str, int] = (await self._get(f"{self._reporting}/coverage", asked) or {})["domiciled"]
        return domiciled

    async def late(self, as_of: date, known_at: datetime) -> dict[str, Any]:
        """What arrived after `known_at` about the days until `as_of`."""
        return await self._get(f"{self._reporting}/late", _asked(as_of, known_at)) or {}

    async def schools(self) -> dict[str, Any]:
        return await self._get(f"{self._reporting}/schools") or {}

    async def _do(self, method: str, url: str, known_at: datetime, body: dict[str, Any]) -> None:
        content = {name: value.isoformat() if isinstance(value, date) else value for name, value in body.items()}
        content["known_at"] = known_at.isoformat()

        async def attempt() -> httpx.Response | None:
            answer = await self._request(method, url, json=content)
            on_its_way = answer.is_client_error and _problem(answer).get("reason") in ON_ITS_WAY
            return None if on_its_way else answer

        answer = await eventually(attempt, f"{method} {url} to be possible")
        if not answer.is_success:
            raise DemoError(f"{method} {url} was answered {answer.status_code}: {_told(answer)}")

    async def _get(self, url: str, asked: dict[str, str] | None = None) -> dict[str, Any] | None:
        answer = await self._request("GET", url, params=asked)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise DemoError(f"GET {url} was answered {answer.status_code}: {_told(answer)}")
        content: dict[str, Any] = answer.json()
        return content

    async def _request(self, method: str, url: str, **options: Any) -> httpx.Response:
        try:
            return await self._http.request(method, url, **options)
        except httpx.HTTPError as error:
            raise DemoError(f"{url} does not answer ({type(error).__name__})") from None


def _asked(as_of: date, known_at: datetime | None) -> dict[str, str]:
    return {"as_of": as_of.isoformat()} | ({"known_at": known_at.isoformat()} if known_at else {})


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _told(answer: httpx.Response) -> str:
    problem = _problem(answer)
    reasons = [str(problem[name]) for name in ("title", "detail", "reason", "errors") if problem.get(name)]
    return " - ".join(reasons) or "without a reason"
