"""The table of who may use which route; what every service's routes have in common stands here."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from chassis.access.roles import PUBLIC, Role, Roles, may
from exactly_once.errors import Misconfigured

# `GET /v1/visits/{visit_id}` and the like, as the route has it, and who may use it.
Table = Mapping[str, Roles]

COMMON: Final[Table] = {
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    "GET /openapi.json": PUBLIC,  # it says what is in the repository
    "GET /asyncapi.json": PUBLIC,
    "GET /api": PUBLIC,
    "GET /login": PUBLIC,
    "GET /login/callback": PUBLIC,
    "POST /logout": PUBLIC,
    "GET /metrics": may(Role.ADMINISTRATOR, Role.INTEGRATOR, Role.AUDITOR),
    "GET /v1/audit": may(Role.ADMINISTRATOR, Role.AUDITOR),
    "GET /v1/dead-letters": may(Role.ADMINISTRATOR, Role.AUDITOR),
}
# What no dependency of FastAPI guards: they may be public alone.
_UNGUARDED: Final = ("GET /openapi.json", "GET /static")


def routes(app: FastAPI) -> Iterator[str]:
    """Every route of the application, in its order."""
    for route in iter_route_contexts(app.routes):
        original: Any = getattr(route, "original_route", route)
        path = getattr(route, "path", None) or original.path
        if isinstance(original, Mount):
            yield f"GET {path}"
        else:
            yield from (f"{method} {path}" for method in sorted(set(original.methods) - {"HEAD"}))


def check(app: FastAPI, common: Table, own: Table) -> None:
    """Every route has a line, and every line of the service's own a route. Raises Misconfigured."""
    there, lines = set(routes(app)), {**common, **own}
    if missing := sorted(there - lines.keys()):
        raise Misconfigured(f"nobody has said who may use {', '.join(missing)}: add a line to the service's access.py")
    if stale := sorted(own.keys() - there):
        raise Misconfigured(f"access.py has lines for routes that are not there: {', '.join(stale)}")
    if open_to_some := [key for key in _UNGUARDED if key in lines and lines[key] != PUBLIC]:
        raise Misconfigured(f"{', '.join(open_to_some)} cannot be guarded: its line must be PUBLIC")
