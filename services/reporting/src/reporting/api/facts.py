"""`GET /schools`, `/targets`, `/statements`, `/visits`."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.responses import Response

from chassis.http import IfNoneMatch
from chassis.problems import NOT_FOUND, Problem
from contracts.types import Npsn
from exactly_once import Connection, Pool
from reporting.api.asked import RESPONSES, AsOf, KnownAt, Slug, answer
from reporting.coverage import store as coverage
from reporting.coverage.answer import about, day_rows
from reporting.coverage.store import Window
from reporting.moment import Moment
from reporting.schools.answer import every_school
from reporting.schools.model import OneSchool, SchoolDays, Schools, Statements, Targets, Visits
from reporting.targets import store as targets
from reporting.targets.rules import CAMPAIGN, Plan, in_force
from reporting.visits.store import visits

Number = Annotated[Npsn, Path()]


def router(pool: Pool) -> APIRouter:
    """The routes, on that pool."""
    routes = APIRouter(prefix="/v1/campaigns/{campaign}")

    @routes.get("/schools", response_model=Schools, responses=RESPONSES, tags=["schools"])
    async def get_schools(
        campaign: Slug, as_of: AsOf = None, known_at: KnownAt = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        """Every school with its coverage and its next visit."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            return Schools(**about(at), schools=await every_school(tx, at))

        return await answer(pool, campaign, as_of, known_at, if_none_match, work)

    @routes.get("/schools/{npsn}", response_model=OneSchool, responses=RESPONSES, tags=["schools"])
    async def get_school(
        campaign: Slug, npsn: Number, as_of: AsOf = None, known_at: KnownAt = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        """One school, with the decisions about its target and its visits."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            found = [school for school in await every_school(tx, at) if school.npsn == npsn]
            if not found:
                raise Problem(NOT_FOUND, "This campaign has no such school.")
            decisions = await targets.decisions_in_full(tx, campaign, at.asked_known_at)
            planned = await visits(tx, campaign, at.asked_known_at)
            return OneSchool.model_validate(
                about(at)
                | {
                    "school": found[0],
                    "targets": [data for data in decisions if data["scope"] == found[0].group],
                    "visits": [data for data in planned if found[0].group in data["groups"]],
                }
            )

        return await answer(pool, campaign, as_of, known_at, if_none_match, work)

    @routes.get("/schools/{npsn}/days", response_model=SchoolDays, responses=RESPONSES, tags=["schools"])
    async def get_school_days(
        campaign: Slug, npsn: Number, as_of: AsOf = None, known_at: KnownAt = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        """On which days the school's persons were recorded; none for a school that nobody has heard of."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            group = f"npsn:{npsn}"
            plan = in_force(await targets.decisions(tx, campaign), at.as_of, at.asked_known_at)
            start = plan.later_starts.get(group, plan.counting_from)
            window = Window(campaign, start, at.as_of, at.asked_known_at)
            rows = day_rows(await coverage.recorded(tx, window, "day", group=group))
            return SchoolDays(**about(at), npsn=npsn, rows=rows)

        return await answer(pool, campaign, as_of, known_at, if_none_match, work)

    @routes.get("/targets", response_model=Targets, responses=RESPONSES, tags=["targets"])
    async def get_targets(
        campaign: Slug, as_of: AsOf = None, known_at: KnownAt = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        """Every revision of the office's decisions, and which of them are in force."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            plan = in_force(await targets.decisions(tx, campaign), at.as_of, at.asked_known_at)
            rows = await targets.decisions_in_full(tx, campaign, at.asked_known_at)
            marked = [data | {"in_force": _holds(plan, data["scope"], data["revision"])} for data in rows]
            return Targets.model_validate(about(at) | {"targets": marked})

        return await answer(pool, campaign, as_of, known_at, if_none_match, work)

    @routes.get("/statements", response_model=Statements, responses=RESPONSES, tags=["targets"])
    async def get_statements(campaign: Slug, known_at: KnownAt = None, if_none_match: IfNoneMatch = None) -> Response:
        """What was stated, when and by whom: evidence, which changes no coverage."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            found = await targets.statements(tx, campaign, at.asked_known_at)
            return Statements.model_validate(about(at) | {"statements": found})

        return await answer(pool, campaign, None, known_at, if_none_match, work)

    @routes.get("/visits", response_model=Visits, responses=RESPONSES, tags=["visits"])
    async def get_visits(campaign: Slug, known_at: KnownAt = None, if_none_match: IfNoneMatch = None) -> Response:
        """The visits in the order of their days, cancelled and past ones too."""

        async def work(tx: Connection, at: Moment) -> BaseModel:
            return Visits.model_validate(about(at) | {"visits": await visits(tx, campaign, at.asked_known_at)})

        return await answer(pool, campaign, None, known_at, if_none_match, work)

    return routes


def _holds(plan: Plan, scope: str, revision: int) -> bool:
    found = plan.campaign if scope == CAMPAIGN else plan.groups.get(scope)
    return found is not None and found.revision == revision
