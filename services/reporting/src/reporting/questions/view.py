"""Everything that pages and streams show of a campaign at one moment."""

from dataclasses import dataclass

from contracts.schools import SchoolListed
from contracts.visits import Visit
from reporting.projection.decisions import Sort, counts
from reporting.questions.coverage import Coverage
from reporting.questions.moment import Moment
from reporting.questions.reading import Reading
from reporting.questions.targets import TargetsInForce


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Every view is one of its own: who has seen it is told from who has seen another."""

    moment: Moment
    coverage: Coverage
    by_day: Coverage
    by_kind: Coverage
    by_domicile: Coverage
    schools: dict[str, SchoolListed]
    visits: list[Visit]
    decisions: list[Sort]
    targets: TargetsInForce


async def view(reading: Reading) -> View:
    """Takes two statements beside those of the reading."""
    group, day, kind, domicile = await reading.coverage("group", "day", "kind", "domicile")
    at = reading.moment
    return View(
        moment=at,
        coverage=group,
        by_day=day,
        by_kind=kind,
        by_domicile=domicile,
        schools=reading.schools,
        visits=reading.visits,
        decisions=await counts(reading.tx, at.campaign.campaign),
        targets=reading.targets,
    )
