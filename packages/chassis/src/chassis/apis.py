"""`/api` and `/asyncapi.json`: the service's API and the topics, as a page for people and a document for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from fastapi import FastAPI
from starlette.responses import HTMLResponse, JSONResponse, Response

from contracts import asyncapi

# Nothing from anywhere; the style is the page's own.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;"
    "border-bottom:1px solid #8886}code{font-size:.9em;overflow-wrap:anywhere}"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for: how, what it does, what it takes, who may."""

    call: str
    summary: str
    parameters: Sequence[str]
    roles: Sequence[str]


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Those of an OpenAPI document, in its order."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield Operation(
                call=f"{method.upper()} {path}",
                summary=operation.get("description", "").split("\n")[0],
                parameters=[each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"],
                roles=operation.get("x-roles", ()),
            )


def mount(app: FastAPI, kafka: str) -> None:
    """Adds both routes; `kafka` is where programs elsewhere reach the topics, with commas; nowhere else is named."""
    app.servers = [{"url": "/", "description": "Where this document is."}]

    @app.get("/asyncapi.json", include_in_schema=False)
    async def topics() -> Response:
        return JSONResponse(asyncapi.document(kafka))

    @app.get("/api", include_in_schema=False)
    async def page() -> Response:
        return HTMLResponse(_page(app.openapi(), asyncapi.document(kafka)), headers=HEADERS)


def _breakable(call: str) -> str:
    """A long address is broken before a slash, not within a word."""
    return escape(call).replace("/", "<wbr>/")


def _page(document: dict[str, Any], topics: dict[str, Any]) -> str:
    title = escape(document["info"]["title"])
    calls = [
        (f"<code>{_breakable(each.call)}</code>", escape(each.summary), escape(", ".join(each.parameters)),
         escape(", ".join(each.roles)))
        for each in operations(document)
    ]  # fmt: skip
    channels = [
        (f"<code>{escape(name)}</code>", escape(", ".join(channel["messages"])), escape(channel["description"]))
        for name, channel in topics["channels"].items()
    ]
    hosts = ", ".join(escape(server["host"]) for server in topics["servers"].values())
    where = f"<p>Kafka: <code>{hosts}</code></p>" if hosts else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
        '<p>For programs: <a href="/openapi.json">OpenAPI</a>, <a href="/asyncapi.json">AsyncAPI</a>.</p>'
        f"<h2>HTTP</h2>{_table(('call', 'what', 'query', 'who may'), calls)}"
        f"<h2>Topics</h2>{where}{_table(('topic', 'events', 'about'), channels)}</html>"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{'</tr><tr>'.join(lines)}</tr></tbody></table>"
