"""Templates and static files, the shared ones and a service's own beside them; the headers of every page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from web import charts, words

SHARED: Final = Path(__file__).parent
EVENT: Final = "change"  # the server-sent event that the part `live` waits for
# Nothing from another host, nothing inline.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
    "Vary": "Cookie",
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at the page, for its header: without a name somebody who may log in, and come back to `back`."""

    name: str = ""
    csrf: str = ""
    back: str = "/"


class Templates:
    """Fills in the templates of `folder`, which stand on the shared ones; `helpers` are names that all of them know."""

    def __init__(self, folder: Path, **helpers: Any) -> None:
        self._environment = Environment(
            loader=FileSystemLoader([folder / "templates", SHARED / "templates"]),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(words=words, charts=charts, EVENT=EVENT, oob=False, visitor=None, **helpers)

    def fill(self, name: str, **values: Any) -> str:
        """A page, or a part of one."""
        return self._environment.get_template(name).render(**values)


class _Static(StaticFiles):
    """A name stays when its content changes, so a browser asks each time: 304 while it has not."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update({"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})
        return response


def mount(app: Starlette, folder: Path) -> None:
    """Serves `/static`: what is in `folder/static`, if there is one, and the shared files."""
    own = folder / "static"
    app.mount("/static", _Static(directory=own if own.is_dir() else None, packages=[("web", "static")]), name="static")


def html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, HEADERS)


def redirect(path: str) -> Response:
    """The page is there (303)."""
    return RedirectResponse(path, 303, HEADERS)
