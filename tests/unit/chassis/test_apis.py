"""The page of a service's API and of the topics: every call and topic on it, the addresses, nothing from elsewhere."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import httpx
import pytest

from chassis import apis
from chassis.http import create_app
from contracts.topics import CATALOGUE
from tests.unit.access.services import SERVICES, settings


def client() -> httpx.AsyncClient:
    app = create_app("Tiny <one>", version="1")

    @app.get("/v1/things/{thing}")
    async def thing(thing: str, limit: int = 10) -> dict[str, str]:
        """What a thing is."""
        return {"thing": thing}

    apis.mount(app, "broker-1:9092, broker-2:9093")
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tiny")


async def test_the_page_names_every_call_and_every_topic() -> None:
    async with client() as http:
        page = await http.get("/api")
    assert page.headers["content-type"].startswith("text/html")
    assert "<code>GET <wbr>/v1<wbr>/things<wbr>/{thing}</code></td><td>What a thing is.</td><td>limit</td>" in page.text
    assert "Tiny &lt;one&gt;" in page.text and "<one>" not in page.text
    assert [topic.name for topic in CATALOGUE if f"<code>{topic.name}</code>" not in page.text] == []
    assert "broker-1:9092" in page.text
    assert "http://" not in page.text and "https://" not in page.text


async def test_the_documents_name_where_they_are_served() -> None:
    async with client() as http:
        http_api = (await http.get("/openapi.json")).json()
        topics = (await http.get("/asyncapi.json")).json()
    assert [server["url"] for server in http_api["servers"]] == ["/"]
    assert [server["host"] for server in topics["servers"].values()] == ["broker-1:9092", "broker-2:9093"]
    assert topics["channels"].keys() == {topic.name for topic in CATALOGUE}


@pytest.mark.parametrize(
    ("public", "named"),
    [(None, ["inner:29092"]), ("", []), ("kafka.example:9092, b:1", ["kafka.example:9092", "b:1"])],
)
@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_names_the_kafka_that_programs_elsewhere_reach(
    name: str, public: str | None, named: list[str]
) -> None:
    told = settings(name, kafka_public_servers=public).model_copy(update={"kafka_bootstrap_servers": "inner:29092"})
    app = import_module(f"{name}.app").build(told).http
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        topics, page = (await http.get("/asyncapi.json")).json(), (await http.get("/api")).text
    assert [server["host"] for server in topics["servers"].values()] == named
    assert ("Kafka: <code>" in page, "inner:29092" in page) == (bool(named), public is None)


def test_the_page_in_the_docs_is_what_the_documents_say() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, root / "docs/apis.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
