"""Every failure as `application/problem+json`, with pointers to what is wrong and never with what was sent."""

from typing import Any, Final
from uuid import uuid4

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Router

from chassis.conditional import etag
from chassis.db import Busy
from chassis.logging import mask
from chassis.problems import (
    BUSY,
    CONFLICT,
    EXISTS,
    INTERNAL,
    INVALID,
    MALFORMED,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    REFUSED,
    STALE_REVISION,
    UNAVAILABLE,
    Problem,
    of_status,
)
from chassis.refusal import Refused, Stale, Unknown
from contracts.faults import in_words
from contracts.signs import holds_a_nik
from exactly_once.errors import is_away

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def respond(problem: Problem) -> Response:
    return JSONResponse(problem.body(), problem.kind.status, problem.headers, media_type=MEDIA_TYPE)


def problem_of(refusal: Exception) -> Problem:
    """The problem of a refusal: 422 where the command itself is wrong, 409 where it clashes with how things are."""
    match refusal:
        case Refused():
            members = dict(refusal.members) | _reason(refusal.reason)
            if refusal.errors:
                members["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in refusal.errors]
            return Problem(INVALID if refusal.errors else REFUSED, refusal.detail, **members)
        case Unknown():
            return Problem(NOT_FOUND, refusal.detail, **_reason(refusal.reason))
        case Stale():
            kind = STALE_REVISION if refusal.expected or refusal.tag else EXISTS
            headers = {"ETag": refusal.tag or etag(refusal.current)}
            return Problem(kind, "Read it again, then decide.", headers=headers, current=refusal.current)
        case _:
            return Problem(CONFLICT, str(refusal))


def _reason(word: str | None) -> dict[str, Any]:
    return {} if word is None else {"reason": word}


async def on_refusal(_request: Request, error: Exception) -> Response:
    return respond(problem_of(error))


async def on_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return respond(error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Handler of what FastAPI and Starlette raise: unknown routes, wrong methods, unreadable bodies."""
    assert isinstance(error, HTTPException)
    kind, headers = of_status(error.status_code), dict(error.headers or {})
    if kind is METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed(request))
    return respond(Problem(kind, headers=headers))


def allowed(request: Request) -> list[str]:
    """The methods of all routes with this path; the framework names those of the first only. HEAD is where GET is."""
    router: Router = request.app.router

    def has(method: str) -> bool:
        scope = {**request.scope, "method": "GET" if method == "HEAD" else method}
        return any(route.matches(scope)[0] is Match.FULL for route in router.routes)

    return [method for method in _METHODS if has(method)]


async def on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if any(e["type"] == "json_invalid" for e in errors):
        return respond(Problem(MALFORMED, "The body is not valid JSON."))
    return respond(Problem(INVALID, errors=[describe(e) for e in errors[:50]]))


def describe(error: dict[str, Any]) -> dict[str, str]:
    """One entry of `errors[]`: where, and what is expected there. What was sent stays out of it."""
    where, *rest = error["loc"] or ("body",)
    detail = in_words(error)
    sent = error.get("input")
    if error["type"] in {"union_tag_invalid", "value_error"} or (isinstance(sent, str) and sent and sent in detail):
        detail = "This value is not allowed." if _repeats(sent, detail) or "tag" in error["type"] else detail
    if error["type"] == "string_pattern_mismatch" and isinstance(sent, str) and holds_a_nik(sent):
        detail = "holds what can be a NIK: leave it out"  # as where its digits stand apart; the pattern helps nobody
    place = (
        {"pointer": pointer(rest)}
        if where == "body"
        else {"parameter": mask(str(rest[0] if rest else where)), "in": str(where)}
    )
    return {"detail": mask(detail), **place}


def _repeats(sent: object, detail: str) -> bool:
    return isinstance(sent, str | int | float) and str(sent) != "" and str(sent) in detail


def pointer(path: list[Any]) -> str:
    """A JSON pointer (RFC 6901) as a URI fragment."""
    return "#" + "".join("/" + mask(str(part).replace("~", "~0").replace("/", "~1")) for part in path)


def unexpected(error: Exception, method: str, route: str) -> Response:
    """The last resort: 429 when there is too much to do, 503 when the database is away, else 500.

    That has an id under which the log tells more.
    """
    if isinstance(error, Busy):
        return respond(Problem(BUSY, str(error), headers={"Retry-After": "2"}))
    if is_away(error):
        log.warning("database is away", method=method, route=route, error=type(error).__name__)
        return respond(Problem(UNAVAILABLE, "Try again in a moment.", headers={"Retry-After": "2"}))
    instance = f"urn:uuid:{uuid4()}"
    log.error("request failed", method=method, route=route, instance=instance, exc_info=error)
    return respond(Problem(INTERNAL, "The log says more under this instance.", instance=instance))
