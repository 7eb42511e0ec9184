"""Golden examples: real records as they appear on the wire, one file each, kept byte by byte.

The file's `value` is written by hand; topic, key and headers follow from it. A record's value is the compact JSON of
`value`, members in this order, UTF-8. Headers that only a device can make (`jb-signature`, `jb-replayed-at`) are kept.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.describe import Json
from contracts.envelope import Event, Message, encode
from contracts.topics import TOPIC_OF

MODELS = {model.type: model for model in TOPIC_OF}


@dataclass(frozen=True, slots=True)
class Golden:
    """One example: the event that its file's value makes, and the record that carries it."""

    name: str
    event: Event
    message: Message

    @property
    def as_file(self) -> Json:
        return {
            "topic": TOPIC_OF[type(self.event)].name,
            "key": self.message.key.decode(),
            "headers": {name: value.decode() for name, value in self.message.headers},
            "value": json.loads(self.message.value),
        }


def read(path: Path) -> Golden:
    """Reads an example, named `<type>.json` or `<type>.<what is special>.json`. Raises ValueError when it is none."""
    model = next((model for type_, model in MODELS.items() if f"{path.name}.".startswith(f"{type_}.")), None)
    if model is None:
        raise ValueError(f"{path.name}: named after no type of the catalogue")
    example: dict[str, Any] = json.loads(path.read_text())
    try:
        event = model.model_validate(example["value"])
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(f"{path.name}: {wrong}") from None
    headers: dict[str, str] = example.get("headers", {})
    message = encode(event, headers.get("ce_source", TOPIC_OF[model].owner).removeprefix("/jemputbola/"))
    made = dict(message.headers)
    message.headers.extend((name, value.encode()) for name, value in headers.items() if name not in made)
    return Golden(path.name.removesuffix(".json"), event, message)
