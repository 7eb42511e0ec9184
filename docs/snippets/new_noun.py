"""A new noun, from its event to its address: the opening hours of a recording point. docs/adding.md shows it."""

from datetime import date, datetime
from functools import partial
from typing import ClassVar, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.bodies import Revised
from chassis.commands import Answer, Commands, IdempotencyKey, answer
from chassis.conditional import IfMatchOrNew
from chassis.refusal import Refused, require_revision
from contracts.envelope import Fact
from contracts.schools import CampaignOpened
from contracts.types import Campaign, Day, Slug
from exactly_once import Connection, FactTable

# 1. The event: packages/contracts/src/contracts/points.py, and a line in topics.py.


class PointOpened(Fact):
    """A recording point receives people from one day to another."""

    type: ClassVar[str] = "jemputbola.point-opened.v1"
    aggregate: ClassVar[str] = "point"
    point_id: Slug
    opens_on: Day
    closes_on: Day

    @property
    def subject(self) -> str:
        return self.point_id


# 2. The table: `SELECT exactly_once.create_fact_table('scheduling.point_revision');` in a migration, and this line.

POINTS: Final = FactTable("scheduling.point_revision", PointOpened)

# 3. The rule: points/rules.py, pure.


def check_days(opens_on: date, closes_on: date, campaign: CampaignOpened) -> None:
    """A point closes on its last day or later, and no later than the campaign. Raises Refused."""
    if not opens_on <= closes_on <= campaign.voting_day:
        raise Refused("", ("#/closes_on", "must be from opens_on to voting_day"))


# 4. The handler: points/handlers.py. HTTP calls it, and so does a test, a page or an import.


async def open_point(
    tx: Connection,
    campaign: CampaignOpened,
    point_id: str,
    days: tuple[date, date],
    expected: int | None,
    now: datetime,
) -> PointOpened:
    """The point as it is from now on; the last revision where nothing new is said. Raises Refused, Stale."""
    check_days(*days, campaign)
    last = await POINTS.last(tx, campaign.campaign, point_id)
    require_revision(expected, last.revision if last else 0)
    opened = PointOpened.next(
        last, now, campaign=campaign.campaign, point_id=point_id, opens_on=days[0], closes_on=days[1]
    )
    if last is not None and opened.says_the_same_as(last):
        return last
    await POINTS.append(tx, [opened])
    return opened


# 5. The address: api/points.py, with its body.


class PutPoint(Revised):
    """From when to when a point receives people."""

    opens_on: Day
    closes_on: Day


async def lock(campaign: str, tx: Connection) -> None:
    """One transaction at a time decides on the points of a campaign."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('points/' || $1::text, 0))", campaign)


def router(commands: Commands) -> APIRouter:
    """The points."""
    routes = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["points"])

    @routes.put("/points/{point_id}", response_model=PointOpened)
    async def put_point(
        request: Request,
        campaign: Campaign,
        point_id: Slug,
        body: PutPoint,
        expected: IfMatchOrNew,
        key: IdempotencyKey = None,
    ) -> Response:
        """Opens a point or changes its days."""

        async def act(tx: Connection, opened: CampaignOpened, now: datetime) -> Answer:
            return answer(await open_point(tx, opened, point_id, (body.opens_on, body.closes_on), expected, now))

        return await commands.do(request, campaign, key, body, act, partial(lock, campaign))

    return routes
