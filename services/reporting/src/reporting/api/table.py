"""An answer's rows as CSV, for a spreadsheet."""

import csv
import json
from io import StringIO
from typing import Any, Final

from starlette.responses import Response

from reporting.questions.coverage import By, DayRow, DomicileRow, GroupRow, KindRow

COLUMNS: Final[dict[By, list[str]]] = {
    "group": list(GroupRow.model_fields),
    "day": list(DayRow.model_fields),
    "kind": list(KindRow.model_fields),
    "domicile": list(DomicileRow.model_fields),
}
MEDIA_TYPE: Final = "text/csv"
_BYTE_ORDER_MARK: Final = "\ufeff"  # else a spreadsheet takes UTF-8 for its own encoding
_FORMULA: Final = ("=", "+", "-", "@", "\t")


def as_csv(answered: Response, by: By) -> Response:
    """The same answer, with its entity tag; one without rows, as 304, stays as it is."""
    if answered.status_code != 200:
        return answered
    text = StringIO(_BYTE_ORDER_MARK)
    text.seek(0, 2)
    writer = csv.DictWriter(text, COLUMNS[by], restval="")
    writer.writeheader()
    rows: list[dict[str, Any]] = json.loads(bytes(answered.body))["rows"]
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    kept = {name: answered.headers[name] for name in ("etag", "cache-control")}
    named = {"Content-Disposition": f'attachment; filename="coverage-{by}.csv"'}
    return Response(text.getvalue(), media_type=MEDIA_TYPE, headers=kept | named)


def _cell(value: object) -> object:
    """A text that a spreadsheet would run as a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
