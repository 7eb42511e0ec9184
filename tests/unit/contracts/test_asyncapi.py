"""The AsyncAPI document: valid by the published schema, and as true as the catalogue.

`asyncapi-3.0.0.schema.json` is AsyncAPI's own (github.com/asyncapi/spec-json-schemas, Apache-2.0; npm @asyncapi/specs
6.11.1), with prose and the bindings of other brokers left out.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from contracts.asyncapi import document, main
from contracts.generate import HOME
from contracts.topics import CATALOGUE, TOPIC_OF

pytestmark = pytest.mark.xdist_group("asyncapi")

PUBLISHED = Draft7Validator(json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text()))


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    return document()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def resolve(document_: dict[str, Any], reference: str) -> Any:
    at: Any = document_
    for step in filter(None, reference.removeprefix("#/").split("/")):
        at = at[step]
    return at


def test_it_is_valid(asyncapi: dict[str, Any]) -> None:
    assert [f"{error.json_path}: {error.message}" for error in PUBLISHED.iter_errors(asyncapi)] == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("operations", "enrollment.send.recordings", "action"), "publish"),
        (("channels", "recordings", "bindings", "kafka", "partitions"), "six"),
        (("channels", "recordings", "address"), 7),
        (("components", "messages", "jemputbola.visit-scheduled.v1", "payload"), "a string"),
        (("info",), {}),
    ],
)
def test_the_published_schema_catches_what_is_wrong(
    asyncapi: dict[str, Any], path: tuple[str, ...], wrong: Any
) -> None:
    planted = deepcopy(asyncapi)
    resolve(planted, "#/" + "/".join(path[:-1]))[path[-1]] = wrong
    assert not PUBLISHED.is_valid(planted)


def test_every_reference_leads_somewhere(asyncapi: dict[str, Any]) -> None:
    found = set(references(asyncapi))
    assert found
    for reference in found:
        assert resolve(asyncapi, reference), reference


def test_channels_are_the_catalogue(asyncapi: dict[str, Any]) -> None:
    assert asyncapi["channels"].keys() == {topic.name for topic in CATALOGUE}
    for topic in CATALOGUE:
        channel = asyncapi["channels"][topic.name]
        kafka = channel["bindings"]["kafka"]
        assert channel["messages"].keys() == topic.by_type.keys()
        assert kafka["partitions"] == topic.partitions
        assert kafka["topicConfiguration"]["cleanup.policy"] == [topic.config["cleanup.policy"]]
        receivers = {name for name, end in asyncapi["operations"].items() if name.endswith(f".receive.{topic.name}")}
        assert receivers == {f"{reader}.receive.{topic.name}" for reader in topic.readers}
        assert any(name.endswith(f".send.{topic.name}") for name in asyncapi["operations"])


@pytest.mark.parametrize("model", TOPIC_OF, ids=lambda model: model.type)
def test_a_real_record_fits_its_message(asyncapi: dict[str, Any], model: Any) -> None:
    message = asyncapi["components"]["messages"][model.type]
    for path in (HOME / "examples").glob(f"{model.type}*.json"):
        record = json.loads(path.read_text())
        Draft202012Validator(message["headers"]).validate(record["headers"])
        whole = {**asyncapi, **message["payload"]}
        Draft202012Validator(whole).validate(record["value"])


def test_the_command_writes_it(tmp_path: Path, asyncapi: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "build" / "asyncapi.json"
    assert main([str(path)]) == 0
    assert json.loads(path.read_text()) == asyncapi
    assert capsys.readouterr().out.strip() == str(path)
