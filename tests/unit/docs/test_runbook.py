"""docs/runbook.md: who may write where is what the catalogue says."""

import re
from pathlib import Path

from contracts.topics import CATALOGUE

PAGE = (Path(__file__).parents[3] / "docs/runbook.md").read_text()


def test_the_acls_are_those_of_the_catalogue() -> None:
    table = PAGE.split("## Who may write where")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)
    told = {topic: (set(write.split(", ")), set(read.split(", "))) for topic, write, read in rows}
    relays = {topic.owner for topic in CATALOGUE} - {"counter", "every relay"}
    writers = {topic.name: {"counter": {"each counter"}, "every relay": relays}.get(topic.owner) for topic in CATALOGUE}
    assert told == {
        # Whoever has a relay compares what it wrote.
        topic.name: (writers[topic.name] or {topic.owner}, {*topic.readers, *({topic.owner} & relays)})
        for topic in CATALOGUE
    }
