"""Revisions over HTTP: `ETag`, `If-None-Match` and 304, `If-Match` and 412, and `If-None-Match: *` for what is new."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Depends, Header
from starlette.responses import Response

from chassis.problems import INVALID, MALFORMED, Problem

# What compresses an answer on its way changes its tag: nginx makes it weak, Apache writes `-gzip` into it.
_IF_MATCH: Final = r'^(W/)?"[0-9]{1,18}(-gzip|-br|-deflate|-zstd)?"$'
_IF_MATCH_BESIDE: Final = r'^(W/)?"[0-9]{1,18}(\.[0-9]{1,18})?(-gzip|-br|-deflate|-zstd)?"$'
_REVISION: Final = re.compile(_IF_MATCH.replace("[0-9]{1,18}", "([0-9]{1,18})"))
_REVISION_BESIDE: Final = re.compile(_IF_MATCH_BESIDE.replace("[0-9]{1,18}", "([0-9]{1,18})"))
_CHANGED: Final = re.compile(r'(-gzip|-br|-deflate|-zstd)"$')


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
    match = _read(if_match, _REVISION, 'If-Match must be one revision in quotes, as "7".')
    return None if match is None else int(match[2])


@dataclass(frozen=True, slots=True)
class Read:
    """What a client read: a revision, and how many changes beside it; None: whichever there were."""

    revision: int
    beside: int | None


def if_match_beside(
    if_match: Annotated[
        str | None,
        Header(
            description='The entity tag that you read, as `"7.3"`, or a revision alone, as `"7"`: 412 when it has '
            "changed since.",
            json_schema_extra={"pattern": _IF_MATCH_BESIDE},
            examples=['"7.3"'],
        ),
    ] = None,
) -> Read | None:
    """As `if_match`, where what is answered changes beside the revision too."""
    wanted = 'If-Match must be one entity tag or revision in quotes, as "7.3" or "7".'
    match = _read(if_match, _REVISION_BESIDE, wanted)
    return None if match is None else Read(int(match[2]), None if match[4] is None else int(match[4]))


def _read(if_match: str | None, form: re.Pattern[str], wanted: str) -> re.Match[str] | None:
    if if_match is None or if_match.strip() == "*":
        return None
    if (match := form.match(if_match.strip())) is None:
        raise Problem(MALFORMED, wanted)
    return match


def only_new(
    if_none_match: Annotated[
        Literal["*"] | None, Header(description="Make it, and change nothing: 412 when it exists.")
    ] = None,
) -> bool:
    """Whether the client expects that there is nothing yet."""
    return if_none_match is not None


IfMatch = Annotated[int | None, Depends(if_match)]
IfMatchBeside = Annotated[Read | None, Depends(if_match_beside)]
OnlyNew = Annotated[bool, Depends(only_new)]


def if_match_or_new(expected: IfMatch, nothing_yet: OnlyNew) -> int | None:
    """As `if_match`, and 0 for `If-None-Match: *`. Raises Problem(INVALID) when both are expected."""
    if nothing_yet and expected not in (None, 0):
        detail = "cannot be * where If-Match names a revision"
        raise Problem(INVALID, errors=[{"parameter": "If-None-Match", "in": "header", "detail": detail}])
    return 0 if nothing_yet else expected


IfMatchOrNew = Annotated[int | None, Depends(if_match_or_new)]
IfNoneMatch = Annotated[str | None, Header(description="The ETag that you have: 304 when nothing has changed.")]


def not_modified(if_none_match: str | None, tag: str) -> Response | None:
    """The 304 to send when the client has this entity tag already, else None."""
    if if_none_match is None:
        return None
    tags = {_CHANGED.sub('"', each.strip().removeprefix("W/")) for each in if_none_match.split(",")}
    return Response(status_code=304, headers={"ETag": tag}) if tags & {"*", tag.removeprefix("W/")} else None
