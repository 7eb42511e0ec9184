"""What goes wrong outside the API, in words and as a page, for who looks with a browser."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import web
from chassis.problems import Problem
from reporting.pages.render import Pages

Handler = Callable[[Request, Exception], Awaitable[Response]]

_FOR_PROGRAMS: Final = ("/v1/", "/health/", "/metrics", "/openapi.json", "/asyncapi.json")
_KEPT: Final = ("allow", "retry-after", "www-authenticate")


def mount(app: FastAPI, pages: Pages, visitor: Callable[[Request], web.Visitor | None]) -> None:
    """Puts pages before the problems of the application."""
    for kind in (Problem, HTTPException):
        app.add_exception_handler(kind, _as_a_page(app.exception_handlers[kind], pages, visitor))  # type: ignore[arg-type]


def _as_a_page(handle: Handler, pages: Pages, visitor: Callable[[Request], web.Visitor | None]) -> Handler:
    async def handler(request: Request, error: Exception) -> Response:
        response = await handle(request, error)
        if request.url.path.startswith(_FOR_PROGRAMS) or "text/html" not in request.headers.get("accept", ""):
            return response
        who = visitor(request)
        who = who and replace(who, back="/")  # here it would end again
        page = web.html(pages.problem(json.loads(bytes(response.body)), who), response.status_code)
        page.headers.update({name: value for name, value in response.headers.items() if name in _KEPT})
        return page

    return handler
