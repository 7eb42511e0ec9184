"""Writes the tables of docs/apis.md from the documents of the services; with `--check` it compares alone."""

import asyncio
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from between import put

from chassis.apis import operations
from contracts import asyncapi

PAGE = Path(__file__).with_name("apis.md")
SERVICES = ("enrollment", "scheduling", "reporting")
# What a service must be told to be built; it connects nothing.
KEY = "A" * 43 + "="
TOLD = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "ENROLLMENT_MASTER_KEY": KEY,
    "OIDC_ISSUER": "http://127.0.0.1:9",  # with one, documents say who may
}


def documents() -> dict[str, dict[str, Any]]:
    """OpenAPI of each service, as `/openapi.json` has it."""
    for name in SERVICES:
        prefix = name.upper()
        TOLD[f"{prefix}_DATABASE_URL"] = f"postgresql://{name}@127.0.0.1/{name}"
        TOLD[f"{prefix}_DEAD_LETTER_KEY"] = KEY
    os.environ.update(TOLD)

    async def build() -> dict[str, dict[str, Any]]:
        return {
            name: import_module(f"{name}.app").build(import_module(f"{name}.settings").Settings()).http.openapi()
            for name in SERVICES
        }

    return asyncio.run(build())


def tables() -> str:
    """A table for each service, and one of the topics."""
    text = []
    for name, document in documents().items():
        text.append(f"### {name.capitalize()}\n\n| call | what | query | who may |\n|---|---|---|---|")
        text += [
            f"| `{each.call}` | {each.summary} | {', '.join(each.parameters)} | {', '.join(each.roles)} |"
            for each in operations(document)
        ]
        text.append("")
    document = asyncapi.document()
    text.append("### Topics\n\n| topic | events | about |\n|---|---|---|")
    for name, channel in document["channels"].items():
        events = ", ".join(
            f"[`{event.removeprefix('jemputbola.')}`](../packages/contracts/schemas/{event}.json)"
            for event in channel["messages"]
        )
        text.append(f"| `{name}` | {events} | {channel['description']} |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    sys.exit(put(PAGE, "apis", tables(), "the services' documents say"))
