"""Writes an AsyncAPI 3 document of all topics: `python -m contracts.asyncapi [FILE]`, by default build/asyncapi.json.

Made from the catalogue and the models, which are the truth, and not by FastStream from its subscribers: those read
bytes, and know neither headers nor keys nor partitions.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pydantic.json_schema import models_json_schema

from contracts import golden
from contracts.describe import Json, Plain
from contracts.envelope import CONTENT_HASH_HEADER, REPLAYED_AT_HEADER, SIGNATURE_HEADER, Event
from contracts.generate import HOME, text
from contracts.submissions import FromDevice
from contracts.topics import CATALOGUE, Topic

BINDING: Final = "0.5.0"
EVERY_RELAY: Final = "every relay"


def document(kafka: str = "") -> Json:
    """The whole document: a channel per topic, and an operation for each service that writes or reads it.

    `kafka` are the bootstrap servers, with commas; the document of no running system names none.
    """
    hosts = [host.strip() for host in kafka.split(",") if host.strip()]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Jemput Bola",
            "version": version("jemputbola-contracts"),
            "description": "Every topic. CloudEvents 1.0 in Kafka's binary mode; positions are kept by the readers.",
        },
        "defaultContentType": "application/json",
        "servers": {f"kafka-{number}": {"host": host, "protocol": "kafka"} for number, host in enumerate(hosts, 1)},
        "channels": {topic.name: _channel(topic) for topic in CATALOGUE},
        "operations": {name: operation for topic in CATALOGUE for name, operation in _operations(topic)},
        "components": {
            "messages": {model.type: _message(topic, model) for topic in CATALOGUE for model in topic.types},
            "schemas": _schemas(),
        },
    }


def _channel(topic: Topic) -> Json:
    config = topic.config
    return {
        "address": topic.name,
        "description": f"Keyed by {topic.key}; kept "
        + ("as the latest record of each key." if topic.compacted else "for ever." if not topic.keeps else "a while."),
        "messages": {model.type: {"$ref": f"#/components/messages/{model.type}"} for model in topic.types},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [config["cleanup.policy"]],
                    "retention.ms": int(config["retention.ms"]),
                    "retention.bytes": int(config["retention.bytes"]),
                    "max.message.bytes": int(config["max.message.bytes"]),
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _operations(topic: Topic) -> list[tuple[str, Json]]:
    relays = sorted({other.owner for other in CATALOGUE} - {EVERY_RELAY, "counter"})
    writers = relays if topic.owner == EVERY_RELAY else [topic.owner]
    ends = [(writer, "send") for writer in writers] + [(reader, "receive") for reader in topic.readers]
    return [
        (
            f"{service}.{action}.{topic.name}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "tags": [{"name": service}],
                "messages": [{"$ref": f"#/channels/{topic.name}/messages/{model.type}"} for model in topic.types],
            },
        )
        for service, action in ends
    ]


def _message(topic: Topic, model: type[Event]) -> Json:
    message: Json = {
        "name": model.type,
        "title": model.__name__,
        "summary": (model.__doc__ or "").strip().splitlines()[0],
        "headers": _headers(model),
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": BINDING}},
    }
    example = HOME / "examples" / f"{model.type}.json"
    if example.exists():
        record = golden.read(example).as_file
        message["examples"] = [{"headers": record["headers"], "payload": record["value"]}]
    return message


def _headers(model: type[Event]) -> Json:
    """The schema of a record's headers: CloudEvents' attributes and ours."""
    string: Json = {"type": "string"}
    headers: Json = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "The same event has the same id, always."},
        "ce_type": {"const": model.type},
        "ce_source": {"type": "string", "format": "uri-reference"},
        "ce_subject": string,
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"const": "application/json"},
        CONTENT_HASH_HEADER: {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the value."},
    }
    required = list(headers)
    if issubclass(model, FromDevice):
        headers[SIGNATURE_HEADER] = {
            "type": "string",
            "description": "Ed25519 of the device over the value, base64url.",
        }
        headers[REPLAYED_AT_HEADER] = {
            "type": "string",
            "format": "date-time",
            "description": "Takes the place of the clock; in a replayed campaign alone.",
        }
        required.append(SIGNATURE_HEADER)
    return {"type": "object", "properties": headers, "required": required}


def _schemas() -> Json:
    models = [(model, "validation") for topic in CATALOGUE for model in topic.types]
    _, definitions = models_json_schema(models, ref_template="#/components/schemas/{model}", schema_generator=Plain)  # type: ignore[arg-type]
    schemas: Json = definitions["$defs"]
    return schemas


def main(arguments: list[str]) -> int:
    path = Path(arguments[0] if arguments else "build/asyncapi.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(json.loads(json.dumps(document()))))
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
