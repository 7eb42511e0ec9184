"""Parameters of an address that nobody reads, or that are there twice, are refused: the wrong answer is not silent."""

from difflib import get_close_matches
from typing import Final

from fastapi import params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from starlette.requests import Request

from chassis.logging import mask
from chassis.problems import INVALID, Problem

# An issuer of tokens sends a browser back with parameters of its own (RFC 6749, 4.1.2).
ISSUERS: Final = {"/login/callback"}


async def refuse_unknown_parameters(request: Request) -> None:
    """Dependency of every route. Raises Problem(INVALID), which names each parameter and the nearest known one."""
    names = [name for name, _ in request.query_params.multi_items()]
    if not names or request.scope["route"].path in ISSUERS:
        return
    known = known_parameters(request.scope["route"])
    errors = [
        {"detail": detail, "parameter": mask(name), "in": "query"}
        for name in dict.fromkeys(names)
        if (detail := _fault(name, names.count(name), known))
    ]
    if errors:
        raise Problem(INVALID, errors=errors[:50])


def known_parameters(route: APIRoute) -> list[str]:
    """The names that the route reads from the address behind the question mark."""
    return [field.alias for field in get_flat_params(route.dependant) if isinstance(field.field_info, params.Query)]


def _fault(name: str, times: int, known: list[str]) -> str | None:
    if name in known:
        return "is there twice" if times > 1 else None
    if nearest := get_close_matches(name.lower(), known, 1, 0.6):
        return f"is not known here: is it {nearest[0]}?"
    return f"is not known here; known are {', '.join(known)}" if known else "is not known here: there are no parameters"
