"""Fills in the templates."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from reporting.live.sse import event
from reporting.pages import present
from reporting.questions.late import LateAnswer
from reporting.questions.moment import Campaign
from reporting.questions.view import View
from web import EVENT, Templates, Visitor

FOLDER: Final = Path(__file__).parent
# The parts of the campaign's page beside its rows, and what of the view each shows.
PARTS: Final = {
    "_headline.html": attrgetter(
        "coverage.total", "targets", "moment.as_of", "moment.known_at", "moment.watermark", "moment.final",
        "moment.campaign",
    ),
    "_days.html": attrgetter("by_day.rows", "moment.as_of"),
    "_visits.html": attrgetter("visits", "moment.as_of", "schools"),
    "_sorts.html": attrgetter("decisions", "by_kind.rows", "by_domicile.rows"),
}  # fmt: skip


class Pages:
    """Every page and every part of one that changes."""

    def __init__(self) -> None:
        self._fill = Templates(FOLDER, present=present).fill

    def index(self, campaigns: Sequence[Campaign], visitor: Visitor | None) -> str:
        return self._fill("index.html", campaigns=campaigns, visitor=visitor)

    def unknown(self, visitor: Visitor | None) -> str:
        """Nothing has been heard of this campaign."""
        return self._fill("unknown.html", visitor=visitor)

    def problem(self, problem: Mapping[str, Any], visitor: Visitor | None) -> str:
        """What else went wrong; `problem` as the API has it."""
        return self._fill("problem.html", problem=problem, visitor=visitor)

    def refused(self, path: str, errors: Sequence[Mapping[str, str]], visitor: Visitor | None) -> str:
        """The address asks for what cannot be shown; `errors` as in a problem."""
        return self._fill("refused.html", path=path, errors=errors, visitor=visitor)

    def busy(self, visitor: Visitor | None) -> str:
        """Too much is asked at the moment: the page comes by itself."""
        return self._fill("busy.html", visitor=visitor)

    def campaign(
        self, view: View, late: LateAnswer, visitor: Visitor | None, *, asked: bool, tables: Sequence[str]
    ) -> str:
        """The campaign's page; `asked`: for a moment that somebody chose, so it does not move.

        `tables`: the parts of the API that the visitor may open.
        """
        return self._fill(
            "campaign.html",
            visitor=visitor,
            view=view,
            rows=present.rows(view),
            moved=(),
            late=late,
            asked=asked,
            tables=tables,
        )

    def changes(self, before: View | None, now: View) -> str:
        """The parts of the page that are other than before, as one server-sent event; '' when none is."""
        rows, old = present.rows(now), {} if before is None else {row.id: row for row in present.rows(before)}
        moved = [] if before is None else [row.id for row in rows if old.get(row.id) != row]
        texts = [
            self._fill(name, view=now, oob=True, asked=False)
            for name, shown in PARTS.items()
            if before is None or shown(before) != shown(now)
        ]
        if before is None or old.keys() != {row.id for row in rows}:
            texts.append(self._fill("_rows.html", view=now, rows=rows, moved=moved, oob=True))
        else:
            texts += [self._fill("_row.html", row=row, moved=moved, oob=True) for row in rows if row.id in moved]
        return event(EVENT, now.moment.revision, "\n".join(texts)) if texts else ""
