"""Reads all tables of enrollment and compares them with a fold of the truth, written differently than the service."""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from datetime import datetime
from typing import Any

from contracts.schools import CampaignOpened
from contracts.targets import FigureStated
from contracts.topics import TOPIC_OF
from exactly_once import Pool

MODELS: dict[str, Any] = {model.type: model for model in TOPIC_OF}


async def rows(pool: Pool, table: str) -> list[dict[str, Any]]:
    """The rows as JSON; of a fact table what the event says beside the table's own columns."""
    fetched = await pool.fetch(f"SELECT to_jsonb(t)::text FROM enrollment.{table} AS t")
    return [_flat(json.loads(row[0])) for row in fetched]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    if "data" in row:
        row = MODELS[row["type"]].model_validate(row["data"]).model_dump(mode="json") | row
    return {name: _instant(value) for name, value in row.items()}


def _instant(value: Any) -> Any:
    is_instant = isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value)
    return datetime.fromisoformat(value).isoformat() if is_instant else value


async def audit(pool: Pool) -> dict[str, dict[str, Any]]:
    """Asserts that nothing contradicts anything; answers the persons' last states by person_id."""
    submissions = {row["submission_id"]: row for row in await rows(pool, "submission")}
    persons: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for link in await rows(pool, "person_submission"):
        persons[link["person_id"]].append(submissions[link["submission_id"]])
    operations: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(await rows(pool, "operation"), key=lambda row: row["number"]):
        operations[row["person_id"]].append(row)
    decisions = by(await rows(pool, "submission_decision_revision"), "submission_id")
    revisions = by(await rows(pool, "person_revision"), "person_id")

    assert decisions.keys() == submissions.keys()  # all are decided
    outcomes: dict[str, tuple[str, str | None]] = {
        one: ("rejected", row["refused"]) for one, row in submissions.items() if row["refused"]
    }
    for person_id, theirs in persons.items():
        last_word = {o["submission_id"]: o["operation"] for o in operations[person_id] if o["submission_id"]}
        moved = [o["group"] for o in operations[person_id] if o["group"]]
        standing = []
        for row in theirs:
            if last_word.get(row["submission_id"]) == "void":
                outcomes[row["submission_id"]] = ("rejected", "voided")
            elif row["held"]:
                outcomes[row["submission_id"]] = ("held", row["held"])
            else:
                outcomes[row["submission_id"]] = ("duplicate", None)
                standing.append(row)
        standing.sort(key=lambda row: (row["recorded_at"], row["submission_id"]))
        last = revisions[person_id][-1] if person_id in revisions else None
        assert (last is not None and last["counts"]) == bool(standing)
        if standing:
            outcomes[standing[0]["submission_id"]] = ("counted", None)
            expected = {**standing[0], "group": moved[-1] if moved else standing[0]["group"] or "outside"}
            for name in ("submission_id", "recorded_at", "recorded_on", "received_at", "kind", "session_id", "group"):
                assert last is not None and last[name] == expected[name], name
    assert {one: (said[-1]["outcome"], said[-1]["reason"]) for one, said in decisions.items()} == outcomes

    await _published(pool)
    positions: dict[str, list[int]] = defaultdict(list)
    for said in decisions.values():
        for row in said:
            positions[row["device_id"]].append(row["device_position"])
    for found in positions.values():
        assert sorted(found) == list(range(1, len(found) + 1))
    return {person_id: history[-1] for person_id, history in revisions.items()}


def by(found: list[dict[str, Any]], name: str) -> dict[str, list[dict[str, Any]]]:
    """Histories by id: revisions 1, 2, 3… with `known_at` strictly increasing."""
    histories: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(found, key=lambda row: row["revision"]):
        histories[row[name]].append(row)
    for history in histories.values():
        assert [row["revision"] for row in history] == list(range(1, len(history) + 1))
        assert all(a["known_at"] < b["known_at"] for a, b in itertools.pairwise(history))
    return dict(histories)


TABLES = {
    "recordings": "person_revision",
    "submission-decisions": "submission_decision_revision",
    "targets": "target_revision",
    "schools": "school_revision",
}
TABLE_OF = {FigureStated.type: "statement_revision", CampaignOpened.type: "campaign_revision"}


async def _published(pool: Pool) -> None:
    """The outbox holds exactly what is made again from the tables, to the byte, each aggregate's in order."""
    said: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for row in await pool.fetch("SELECT topic, value, headers FROM exactly_once.outbox ORDER BY id"):
        event_type = json.loads(row["headers"])["ce_type"]
        event = MODELS[event_type].model_validate_json(row["value"])
        said[TABLE_OF.get(event_type, TABLES[row["topic"]]), f"{event.campaign}/{event.subject}"].append(row["value"])
    again: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for table in [*TABLES.values(), *TABLE_OF.values()]:
        for row in sorted(await rows(pool, table), key=lambda row: row["revision"]):
            event = MODELS[row["type"]].model_validate(row)
            again[table, f"{event.campaign}/{event.subject}"].append(event.model_dump_json(exclude_none=True).encode())
    assert said == again
