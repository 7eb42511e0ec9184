"""Revisions over HTTP: `ETag`, `If-None-Match` and 304, `If-Match` and 412."""

import re
from typing import Annotated, Final

from fastapi import Depends, Header
from starlette.responses import Response

from chassis.problems import MALFORMED, STALE_REVISION, Problem

_REVISION: Final = re.compile(r'^"([0-9]{1,18})"$')
_IF_MATCH: Final = r'^"[0-9]{1,18}"$'


def etag(revision: int | str) -> str:
    """The entity tag of a revision: `"7"`."""
    return f'"{revision}"'


def if_match(
    if_match: Annotated[
        str | None,
        Header(
            description='The revision that you read, as `"7"`: 412 when it has changed since.',
            json_schema_extra={"pattern": _IF_MATCH},
            examples=['"7"'],
        ),
    ] = None,
) -> int | None:
    """The revision that the client expects; None without the header and for `*`. Raises Problem(MALFORMED)."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _REVISION.match(if_match.strip())
    if match is None:
        raise Problem(MALFORMED, 'If-Match must be one revision in quotes, as "7".')
    return int(match[1])


IfMatch = Annotated[int | None, Depends(if_match)]
IfNoneMatch = Annotated[str | None, Header(description="The ETag that you have: 304 when nothing has changed.")]


def require_revision(expected: int | None, current: int) -> None:
    """Raises Problem(STALE_REVISION) when the client expects another revision than the current one."""
    if expected is not None and expected != current:
        raise Problem(STALE_REVISION, "Read it again, then decide.", headers={"ETag": etag(current)}, current=current)


def not_modified(if_none_match: str | None, tag: str) -> Response | None:
    """The 304 to send when the client has this entity tag already, else None."""
    if if_none_match is None:
        return None
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return Response(status_code=304, headers={"ETag": tag}) if known & {"*", tag.removeprefix("W/")} else None
