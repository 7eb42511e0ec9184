"""The contracts as plain JSON: a schema per type, and the catalogue of topics."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from contracts.envelope import Event, Fact
from contracts.topics import CATALOGUE, Topic

Json = dict[str, Any]


class Plain(GenerateJsonSchema):
    """Pydantic's generator without a title for each field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema(model: type[Event]) -> Json:
    """The JSON Schema of a type's data. It describes what a reader accepts: optional means may be absent."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:jemputbola:schema:{model.type}",
        **model.model_json_schema(schema_generator=Plain),
    }


def topic(described: Topic) -> Json:
    """A topic with all that producers and readers rely on. `aggregate` is what a fact's id is derived from."""
    return {
        "key": described.key,
        "owner": described.owner,
        "readers": sorted(described.readers),
        "partitions": described.partitions,
        "configuration": described.config,
        "types": {
            model.type: {"aggregate": model.aggregate} if issubclass(model, Fact) else {} for model in described.types
        },
    }


def contracts() -> Json:
    """Everything that is promised: the topics and the schemas of all types, by name."""
    return {
        "topics": {each.name: topic(each) for each in CATALOGUE},
        "types": {model.type: schema(model) for each in CATALOGUE for model in each.types},
    }
