"""Enrollment over HTTP: the campaign's clock, this device's registration, the keys to seal to, the decisions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

import httpx

from counter.device import DeviceKey
from counter.errors import EnrollmentPreparing, EnrollmentUnavailable
from counter.home import Setup

TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
PAGE: Final = 1000
HOW_TO_REGISTER: Final = "; give --token, an administrator's, or --code, which an administrator makes"


class Page(NamedTuple):
    """Decisions, the cursor behind them, the numbers of this device that came twice, where its clock was set back."""

    decisions: list[dict[str, Any]]
    following: str | None
    numbers_twice: list[int]
    clock_set_back: list[dict[str, Any]]


class Enrollment:
    """The few requests that a counter makes. All raise `EnrollmentUnavailable` with one readable line."""

    def __init__(
        self, url: str, http: httpx.AsyncClient | None = None, token: str | None = None, code: str | None = None
    ) -> None:
        """Registering wants an administrator's `token`, or a one-time `code`."""
        self._url = url.rstrip("/")
        self._token, self._code = token, code
        self._http = http

    async def register(self, setup: Setup, device: DeviceKey) -> None:
        """Doing it again changes nothing."""
        body = {
            "device_id": device.device_id,
            "campaign": setup.campaign,
            "kind": setup.kind,
            "place": setup.place,
            "public_key": device.public_text,
            **({"code": self._code} if self._code else {}),
        }
        headers = {"Authorization": f"Bearer {self._token}"} if self._token and not self._code else {}
        await self._ask("POST", "/v1/devices", json=body, headers=headers)

    async def clock(self, campaign: str) -> str:
        """By which clock a campaign runs, `live` or `replay`: chosen when it is opened, for good."""
        clock = (await self._ask("GET", f"/v1/campaigns/{campaign}")).get("clock")
        if clock not in ("live", "replay"):
            raise EnrollmentUnavailable(f"{self._url} answered with something that is no campaign")
        return str(clock)

    async def keyset(self) -> dict[str, Any]:
        """The keys to seal to, newest first."""
        return await self._ask("GET", "/v1/keyset")

    async def decisions(self, device_id: str, after: str | None) -> Page:
        """The next decisions about this device's submissions."""
        query: dict[str, str | int] = {"limit": PAGE} if after is None else {"limit": PAGE, "after": after}
        page = await self._ask("GET", f"/v1/devices/{device_id}/decisions", params=query)
        try:
            decisions = [
                {name: row.get(name) if name == "reason" else row[name] for name in _DECISION}
                for row in page["decisions"]
            ]
            following = page["next"]
            twice = [int(number) for number in page.get("numbers_twice", ())]
            set_back = [_numbers_and_local_instants(each) for each in page.get("clock_set_back", ())]
        except (KeyError, TypeError, ValueError):
            raise EnrollmentUnavailable(f"{self._url} answered with something that is no list of decisions") from None
        return Page(decisions, None if following is None else str(following), twice, set_back)

    async def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            async with self._client() as http:
                response = await http.request(method, self._url + path, timeout=TIMEOUT, **options)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise EnrollmentUnavailable(
                f"enrollment does not answer at {self._url} ({type(error).__name__}): check the address and the network"
            ) from None
        try:
            content = response.json()
        except ValueError:
            content = None
        if response.is_success and isinstance(content, dict):
            return content
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" in response.headers:
            seconds = _seconds(response.headers["retry-after"])
            raise EnrollmentPreparing(
                f"enrollment at {self._url} is not ready yet{_why(content)}; what is stored here is safe: "
                f"try again in {seconds:g} s",
                seconds,
            )
        hint = HOW_TO_REGISTER if response.status_code in (401, 403) else ""
        raise EnrollmentUnavailable(f"enrollment at {self._url} answered {response.status_code}{_why(content)}{hint}")

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        if self._http is not None:
            yield self._http
        else:
            async with httpx.AsyncClient() as http:
                yield http


_DECISION: Final = ("submission_id", "outcome", "reason", "revision", "known_at")


def _numbers_and_local_instants(pair: dict[str, Any]) -> dict[str, Any]:
    """Two numbers of this device that follow each other, and when they were recorded."""
    numbers = {name: int(pair[name]) for name in ("device_seq", "previous_seq")}
    instants = {name: datetime.fromisoformat(pair[name]) for name in ("recorded_at", "previous_recorded_at")}
    return numbers | {name: at.astimezone().isoformat(timespec="minutes") for name, at in instants.items()}


def _seconds(retry_after: str) -> float:
    """A proxy may write a date instead."""
    return float(min(max(int(retry_after), 1), 60)) if retry_after.isdecimal() else 5.0


def _why(content: object) -> str:
    """What a problem document says, in one line."""
    if not isinstance(content, dict):
        return ", which is no answer of enrollment"
    words = [str(content[name]) for name in ("title", "detail") if content.get(name)]
    if fields := _fields(content.get("errors")):
        words.append(fields)
    return (": " + " - ".join(words)) if words else ""


def _fields(errors: object) -> str:
    """Which fields are wrong and how, as `code: was used by another device: ask for a new one`."""
    entries = [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    places = [str(each.get("pointer") or each.get("parameter") or "").removeprefix("#/") for each in entries]
    return "; ".join(f"{place}: {each.get('detail', '')}" for place, each in zip(places, entries, strict=True))
