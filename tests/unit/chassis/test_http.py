"""Problems of every kind, health, metrics, revisions; and schemathesis over the tiny app's OpenAPI."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import settings as hypothesis_settings
from starlette.responses import StreamingResponse

from chassis.conditional import etag, not_modified
from chassis.http import create_app
from tests.unit.chassis.openapi_checks import check, schema_of
from tests.unit.chassis.tiny import tiny_app

NIK = "3573990101010001"
PROBLEM = "application/problem+json"


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tiny")


async def ask(method: str, path: str, app: FastAPI | None = None, **options: Any) -> httpx.Response:
    async with client(app or tiny_app()) as http:
        return await http.request(method, path, **options)


def problem_of(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == (f"/problems/{slug}", status)
    return body


JSON = {"content-type": "application/json"}
THING = "/v1/things/7"


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "slug"),
    [
        ("GET", "/nothing", {}, 404, "not-found"),
        ("GET", "/v1/things/7/", {}, 404, "not-found"),
        ("GET", "/v1/things/999", {}, 404, "not-found"),
        ("GET", "/v1/things/7?note=%00", {}, 400, "malformed-request"),
        ("GET", "/v1/things/7?note=%ff", {}, 400, "malformed-request"),
        ("GET", "/v1/things/%ff", {}, 400, "malformed-request"),
        ("GET", "/v1/things/0", {}, 422, "invalid-request"),
        ("DELETE", THING, {}, 405, "method-not-allowed"),
        ("PUT", THING, {}, 422, "invalid-request"),
        ("PUT", THING, {"content": b"{", "headers": JSON}, 400, "malformed-request"),
        ("PUT", THING, {"content": b"[" * 9000, "headers": JSON}, 400, "malformed-request"),
        ("PUT", THING, {"content": b'{"value": 1, "name": "\xff"}', "headers": JSON}, 400, "malformed-request"),
        ("PUT", THING, {"content": '{"value": 1}'.encode("utf-16"), "headers": JSON}, 400, "malformed-request"),
        ("PUT", THING, {"content": b'{"value": 1, "name": "\\u0000"}', "headers": JSON}, 422, "invalid-request"),
        ("PUT", THING, {"content": b'{"value": 1, "name": "\\ud800"}', "headers": JSON}, 422, "invalid-request"),
        ("PUT", THING, {"content": b'{"value": NaN}', "headers": JSON}, 422, "invalid-request"),
        ("PUT", THING, {"content": b"value=1"}, 415, "unsupported-media-type"),
        ("PUT", THING, {"data": {"value": "1"}}, 415, "unsupported-media-type"),
        ("PUT", THING, {"json": {"value": 1, "name": "x" * 10_000}}, 413, "content-too-large"),
        ("PUT", THING, {"json": {"value": 1}, "headers": {"if-match": '"6"'}}, 412, "stale-revision"),
        ("PUT", THING, {"json": {"value": 1}, "headers": {"if-match": "7"}}, 400, "malformed-request"),
        ("PUT", THING, {"json": {"value": 1}, "headers": {"if-match": 'W/"6"'}}, 412, "stale-revision"),
        ("PUT", THING, {"json": {"value": 1}, "headers": {"if-match": '"6-gzip"'}}, 412, "stale-revision"),
        ("PUT", THING, {"json": {"value": 1}, "headers": {"if-match": 'W/7'}}, 400, "malformed-request"),
        ("PUT", THING, {"content": b'\xef\xbb\xbf{"value": 1}', "headers": JSON}, 400, "malformed-request"),
        ("PUT", THING, {"content": b'{"value": 1, "value": 1}', "headers": JSON}, 400, "malformed-request"),
        ("PUT", THING, {"content": b'{"counts": {"a": 1, "\\u0061": 2}}', "headers": JSON}, 400, "malformed-request"),
        ("PUT", f"{THING}?if_match=7", {"json": {"value": 1}}, 422, "invalid-request"),
        ("GET", "/openapi.json?v=3", {}, 422, "invalid-request"),
        ("PUT", THING, {"json": {"value": 1}, "headers": {"idempotency-key": "x" * 256}}, 422, "invalid-request"),
    ],
)  # fmt: skip
async def test_failures_are_problems(method: str, path: str, options: dict[str, Any], status: int, slug: str) -> None:
    problem_of(await ask(method, path, **options), status, slug)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"value": "x" + NIK}, {"pointer": "#/value"}),
        ({"value": 1, "name": NIK * 9}, {"pointer": "#/name"}),
        ({"value": 1, "counts": {"a/b~c": "x"}}, {"pointer": "#/counts/a~1b~0c"}),
        ({"value": 1, "counts": {NIK: "x"}}, {"pointer": "#/counts/[masked]"}),
        ({"value": 1, NIK: 1}, {"pointer": "#/[masked]"}),
        ([NIK], {"pointer": "#"}),
        ({"value": int(NIK)}, {"pointer": "#/value"}),
    ],
)
async def test_errors_point_and_never_repeat_what_was_sent(body: object, place: dict[str, str]) -> None:
    answer = await ask("PUT", "/v1/things/7", json=body)
    errors = problem_of(answer, 422, "invalid-request")["errors"]
    assert [{k: v for k, v in e.items() if k != "detail"} for e in errors] == [place]
    assert NIK not in answer.text
    assert set(errors[0]) <= {"detail", "pointer"}


async def test_errors_in_parameters_name_them() -> None:
    errors = problem_of(await ask("GET", "/v1/things/x"), 422, "invalid-request")["errors"]
    assert errors == [{"detail": errors[0]["detail"], "parameter": "id", "in": "path"}]
    headers = {"idempotency-key": "é".encode("latin-1")}
    answer = await ask("PUT", "/v1/things/7", json={"value": 1}, headers=headers)
    errors = problem_of(answer, 422, "invalid-request")["errors"]
    assert (errors[0]["parameter"], errors[0]["in"]) == ("Idempotency-Key", "header")


async def test_nul_is_pointed_at_and_an_escaped_backslash_is_no_nul() -> None:
    answer = await ask("PUT", "/v1/things/7", content=b'{"value": 1, "name": "a\\u0000"}', headers=JSON)
    assert problem_of(answer, 422, "invalid-request")["errors"][0]["pointer"] == "#/name"
    answer = await ask("PUT", "/v1/things/7", content=b'{"value": 1, "name": "\\\\u0000 \\ud83d\\ude00"}', headers=JSON)
    assert answer.json()["name"] == "\\u0000 \U0001f600"


@pytest.mark.parametrize("tag", ['"7"', 'W/"7"', '"7-gzip"', 'W/"7-br"', "*"])
async def test_a_tag_that_a_proxy_changed_is_still_the_revision(tag: str) -> None:
    assert (await ask("PUT", THING, json={"value": 1}, headers={"if-match": tag})).status_code == 200


async def test_what_is_refused_says_where_and_never_what() -> None:
    twice = f'{{"value": 1,\n "{NIK}": 1, "{NIK}": 2}}'.encode()
    answer = await ask("PUT", THING, content=twice, headers=JSON)
    assert answer.json()["detail"].startswith("A member is there twice in one object: line 2 column")
    assert NIK not in answer.text
    answer = await ask("PUT", THING, content=b"\xef\xbb\xbf{}", headers=JSON)
    assert "byte order mark" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("nota=1", {"detail": "is not known here: is it note?", "parameter": "nota", "in": "query"}),
        ("NOTE=1", {"detail": "is not known here: is it note?", "parameter": "NOTE", "in": "query"}),
        ("limit=1", {"detail": "is not known here; known are note", "parameter": "limit", "in": "query"}),
        ("note=1&note=2", {"detail": "is there twice", "parameter": "note", "in": "query"}),
        (f"{NIK}=1", {"detail": "is not known here; known are note", "parameter": "[masked]", "in": "query"}),
    ],
)
async def test_a_parameter_that_nobody_reads_is_named_with_the_nearest_known(query: str, said: dict[str, str]) -> None:
    problem = problem_of(await ask("GET", f"{THING}?{query}"), 422, "invalid-request")
    assert problem["errors"] == [said]


async def test_where_there_are_no_parameters_that_is_said() -> None:
    problem = problem_of(await ask("GET", "/health/live?x=1"), 422, "invalid-request")
    assert problem["errors"][0]["detail"] == "is not known here: there are no parameters"


@pytest.mark.parametrize(
    "path", ["/v1/things/7", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/nothing"]
)
async def test_head_is_get_without_the_body(path: str) -> None:
    app = tiny_app()
    head, get = await ask("HEAD", path, app), await ask("GET", path, app)
    assert (head.status_code, head.headers["content-type"]) == (get.status_code, get.headers["content-type"])
    assert head.content == b""
    if path != "/metrics":
        assert head.headers["content-length"] == get.headers["content-length"]


async def test_head_of_a_stream_ends() -> None:
    app, over = create_app("Tiny", version="1"), asyncio.Event()

    async def ticks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: 1\n\n"
                await asyncio.sleep(0)
        finally:
            over.set()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(ticks(), media_type="text/event-stream")

    async with asyncio.timeout(60):
        answer = await ask("HEAD", "/stream", app)
        assert (answer.status_code, answer.content) == (200, b"")
        await over.wait()


async def test_405_names_the_methods_of_all_routes_with_the_path() -> None:
    assert (await ask("DELETE", "/v1/things/7")).headers["allow"] == "GET, HEAD, PUT"
    assert (await ask("TRACE", "/v1/things/7/touch")).headers["allow"] == "POST"


async def test_a_body_without_a_length_is_limited_too() -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b"x" * 1000

    problem_of(await ask("PUT", "/v1/things/7", content=body(), headers=JSON), 413, "content-too-large")
    assert sent < 200_000


async def test_a_declared_length_beyond_all_measure_is_not_even_read() -> None:
    headers = {"content-length": str(10**12), **JSON}
    problem_of(await ask("PUT", "/v1/things/7", content=b"{}", headers=headers), 413, "content-too-large")


async def test_an_unexpected_error_shows_an_id_only() -> None:
    answer = await ask("GET", "/broken", tiny_app(RuntimeError(f"secret {NIK}")))
    body = problem_of(answer, 500, "internal-error")
    assert body["instance"].startswith("urn:uuid:")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.AdminShutdownError(),
        asyncpg.InterfaceError("connection is closed"),
    ],
)
async def test_a_database_that_is_away_is_503_with_retry_after(failure: Exception) -> None:
    answer = await ask("GET", "/broken", tiny_app(failure))
    problem_of(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_wrong_statement_is_not_called_unavailable() -> None:
    problem_of(await ask("GET", "/broken", tiny_app(asyncpg.UndefinedTableError("x"))), 500, "internal-error")


class Part:
    name = "consumer"

    def __init__(self) -> None:
        self.wrong: list[str] = []

    async def run(self) -> None:
        await asyncio.Event().wait()

    def problems(self) -> list[str]:
        return self.wrong


async def test_health_says_what_is_wrong() -> None:
    part = Part()
    app = create_app("Tiny", version="1", components=[part])
    assert (await ask("GET", "/health/live", app)).json() == {"status": "alive"}
    ready = await ask("GET", "/health/ready", app)
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "problems": []})
    part.wrong = ["lag is unknown"]
    ready = await ask("GET", "/health/ready", app)
    assert ready.status_code == 503
    assert ready.json() == {"status": "not ready", "problems": ["consumer: lag is unknown"]}


async def test_metrics_know_methods_and_call_all_others_other() -> None:
    app = tiny_app()
    for method in ("FETCH", NIK, "X" * 1000, "GET", "HEAD"):
        await ask(method, "/v1/things/7", app)
    figures = (await ask("GET", "/metrics", app)).text
    methods = set(re.findall(r'http_request_seconds_count{method="([^"]*)"', figures))
    assert methods == {"GET", "HEAD", "other"}
    assert NIK not in figures


async def test_metrics_name_routes_and_never_paths() -> None:
    app = tiny_app()
    await ask("GET", "/v1/things/77", app)
    await ask("GET", "/nowhere/77", app)
    figures = (await ask("GET", "/metrics", app)).text
    assert 'http_request_seconds_count{method="GET",route="/v1/things/{id}",status="200"} 1.0' in figures
    assert 'route="none",status="404"' in figures
    assert "77" not in figures.split("http_request_seconds_count")[1].split("\n")[0]


async def test_the_document_knows_problems_and_no_framework_errors() -> None:
    document = (await ask("GET", "/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in json.dumps(document)
    assert document["components"]["schemas"]["Thing"]["properties"]["name"]["pattern"] == r"^[^\u0000]*$"
    put = document["paths"]["/v1/things/{id}"]["put"]["responses"]
    assert set(put) == {"200", "400", "408", "412", "413", "415", "421", "422", "429", "503"}
    assert all(set(put[status]["content"]) == {PROBLEM} for status in put if status != "200")


def test_etags() -> None:
    assert not_modified(None, etag(7)) is None
    assert not_modified('"6", W/"8"', etag(7)) is None
    for match in ('"7"', 'W/"7"', '"1", "7"', "*", '"7-gzip"', 'W/"7-br"'):
        answer = not_modified(match, etag(7))
        assert answer is not None
        assert (answer.status_code, answer.headers["etag"]) == (304, '"7"')


async def test_streams_end_in_good_order_when_the_process_stops() -> None:
    app, cleaned_up = create_app("Tiny", version="1"), asyncio.Event()

    async def ticks() -> AsyncIterator[bytes]:
        try:
            yield b"data: 1\n\n"
            app.state.stopping.set()
            await asyncio.Event().wait()
        finally:
            cleaned_up.set()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(ticks(), media_type="text/event-stream")

    async with asyncio.timeout(2):
        answer = await ask("GET", "/stream", app)
    assert answer.text == "data: 1\n\n"
    assert cleaned_up.is_set()


schema = schema_of(tiny_app())


@pytest.mark.properties
@schema.parametrize()
@hypothesis_settings(max_examples=60)
def test_schemathesis_finds_nothing(case: schemathesis.Case) -> None:
    check(case)
