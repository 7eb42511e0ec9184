"""The compatibility rule: every way to break a promise is found and named; every way to grow passes."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from contracts.compatibility import breaks
from contracts.describe import contracts

Json = Any
RECORDED = "jemputbola.recording-completed.v1"
SUBMITTED = "jemputbola.recording-submitted.v1"
VISIT = "jemputbola.visit-completed.v1"
LISTED = "jemputbola.school-listed.v1"
UUID = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


def prop(name: str, type_: str) -> Callable[[Json], Json]:
    return lambda found: found["types"][type_]["properties"][name]


def change(where: Callable[[Json], Json], **new: Any) -> Callable[[Json], None]:
    return lambda found: where(found).update(new)


def drop(where: Callable[[Json], Json], *names: str) -> Callable[[Json], None]:
    def apply(found: Json) -> None:
        for name in names:
            del where(found)[name]

    return apply


def require(type_: str, name: str) -> Callable[[Json], None]:
    return lambda found: found["types"][type_]["required"].append(name)


def release(type_: str, name: str) -> Callable[[Json], None]:
    return lambda found: found["types"][type_]["required"].remove(name)


def topic(name: str, *path: str) -> Callable[[Json], Json]:
    def find(found: Json) -> Json:
        at: Json = found["topics"][name]
        for step in path:
            at = at[step]
        return at

    return find


def types(found: Json) -> Json:
    return found["types"]


def topics(found: Json) -> Json:
    return found["topics"]


def properties(type_: str) -> Callable[[Json], Json]:
    return lambda found: found["types"][type_]["properties"]


def inner(name: str, type_: str) -> Callable[[Json], Json]:
    """The string of "a string or null"."""
    return lambda found: prop(name, type_)(found)["anyOf"][0]


def documents(found: Json) -> Json:
    return found["types"][SUBMITTED]["$defs"]["Documents"]


def missed(found: Json) -> Json:
    return inner("missed", VISIT)(found)


def only_pattern(found: Json) -> Json:
    return next(iter(missed(found)["patternProperties"].values()))


BREAKING = {
    "type removed": (drop(types, VISIT), f"{VISIT}: removed"),
    "property removed": (drop(properties(RECORDED), "cause"), f"{RECORDED} cause: removed"),
    "optional property removed": (drop(properties(RECORDED), "session_id"), f"{RECORDED} session_id: removed"),
    "property removed inside": (
        drop(lambda found: documents(found)["properties"], "family_card"),
        f"{SUBMITTED} documents family_card: removed",
    ),
    "newly required": (require(RECORDED, "session_id"), f"{RECORDED} session_id: newly required"),
    "new and required": (
        lambda found: (
            change(properties(RECORDED), room={"type": "string"})(found),
            require(RECORDED, "room")(found),
        ),
        f"{RECORDED} room: newly required",
    ),
    "newly required inside": (
        lambda found: (
            documents(found)["properties"].update(passport={"type": "boolean"}),
            documents(found)["required"].append("passport"),
        ),
        f"{SUBMITTED} documents passport: newly required",
    ),
    "no longer sure": (release(RECORDED, "cause"), f"{RECORDED} cause: no longer sure to be there"),
    "enum narrowed": (
        change(prop("status", VISIT), enum=["scheduled", "completed"]),
        f"{VISIT} status: the enum lost cancelled",
    ),
    "enum to const": (
        lambda found: (drop(prop("status", VISIT), "enum")(found), change(prop("status", VISIT), const="x")(found)),
        f"{VISIT} status: the enum lost scheduled, cancelled, completed",
    ),
    "string to enum": (change(prop("place", VISIT), enum=["MPP"]), f"{VISIT} place: narrowed to an enum"),
    "type changed": (
        change(prop("counts", RECORDED), type="string"),
        f"{RECORDED} counts: the type changed from boolean to string",
    ),
    "number to integer": (
        change(inner("latitude", LISTED), type="integer"),
        f"{LISTED} latitude: the type changed from number to integer",
    ),
    "null refused": (
        lambda found: properties(RECORDED)(found).update(
            session_id={**prop("session_id", RECORDED)(found)["anyOf"][0], "default": None}
        ),
        f"{RECORDED} session_id: null is no longer accepted",
    ),
    "pattern changed": (
        change(prop("group", RECORDED), pattern="^npsn:[0-9]{8}$"),
        f"{RECORDED} group: the pattern changed",
    ),
    "pattern with a set that lost some": (
        change(prop("submission_id", SUBMITTED), pattern=UUID.replace("A-F", "")),
        f"{SUBMITTED} submission_id: the pattern changed",
    ),
    "pattern with another set": (
        change(prop("submission_id", SUBMITTED), pattern=UUID.replace("a-f", "g-z")),
        f"{SUBMITTED} submission_id: the pattern changed",
    ),
    "pattern with one set more": (
        change(prop("submission_id", SUBMITTED), pattern=f"{UUID[:-1]}[0-9]$"),
        f"{SUBMITTED} submission_id: the pattern changed",
    ),
    "pattern that looks ahead": (
        change(prop("submission_id", SUBMITTED), pattern=f"^(?![x]){UUID[1:]}"),
        f"{SUBMITTED} submission_id: the pattern changed",
    ),
    "pattern with another alternative in place of one": (
        change(prop("group", RECORDED), pattern="^(npsn:[0-9]{8}|outside:x|npsn:P[0-9]{7}|outside)$"),
        f"{RECORDED} group: the pattern changed",
    ),
    "pattern with an alternative that ends the group": (
        change(prop("npsn", LISTED), pattern="^([0-9]{8}|P[0-9]{7}|a)(b)$"),
        f"{LISTED} npsn: the pattern changed",
    ),
    "pattern with an alternative fewer": (
        change(prop("npsn", LISTED), pattern="^([0-9]{8})$"),
        f"{LISTED} npsn: the pattern changed",
    ),
    "pattern changed beside null": (
        change(inner("session_id", RECORDED), pattern="^[0-9]+$"),
        f"{RECORDED} session_id: the pattern changed",
    ),
    "pattern changed in a list": (
        change(lambda found: prop("groups", VISIT)(found)["items"], pattern="^x$"),
        f"{VISIT} groups items: the pattern changed",
    ),
    "format demanded": (change(prop("cause", RECORDED), format="uuid"), f"{RECORDED} cause: the format changed"),
    "maximum lowered": (
        change(prop("revision", RECORDED), maximum=100),
        f"{RECORDED} revision: maximum narrowed from 2147483647 to 100",
    ),
    "minimum raised": (
        change(prop("revision", RECORDED), minimum=2),
        f"{RECORDED} revision: minimum narrowed from 1 to 2",
    ),
    "length limited": (
        change(prop("person_id", RECORDED), maxLength=10),
        f"{RECORDED} person_id: maxLength narrowed from none to 10",
    ),
    "list limited": (
        change(prop("sets", VISIT), maxItems=7),
        f"{VISIT} sets: maxItems narrowed from 1000 to 7",
    ),
    "value in a map limited": (change(only_pattern, maximum=1), f"{VISIT} missed *: maximum narrowed"),
    "names in a map changed": (
        lambda found: missed(found).update(patternProperties={"^x$": only_pattern(found)}),
        f"{VISIT} missed: the pattern of the names changed",
    ),
    "names in a map limited": (
        change(lambda found: missed(found)["propertyNames"], maxLength=5),
        f"{VISIT} missed propertyNames: maxLength narrowed from 64 to 5",
    ),
    "further properties refused": (
        change(lambda found: found["types"][RECORDED], additionalProperties=False),
        f"{RECORDED}: further properties are no longer accepted",
    ),
    "default changed": (change(prop("invented", LISTED), default=True), f"{LISTED} invented: the default changed"),
    "a keyword without a rule": (
        change(prop("sets", VISIT), contains={"const": "set-1"}),
        f"{VISIT} sets: contains changed, and no rule judges that",
    ),
    "topic removed": (drop(topics, "visits"), "topic visits: removed"),
    "type removed from a topic": (
        drop(topic("visits", "types"), VISIT),
        f"topic visits: type {VISIT} removed",
    ),
    "key changed": (change(topic("recordings"), key="group"), "topic recordings: the key changed"),
    "partitions reduced": (
        change(topic("recordings"), partitions=1),
        "topic recordings: partitions reduced from 6 to 1",
    ),
    "compacted": (
        change(topic("recordings", "configuration"), **{"cleanup.policy": "compact"}),
        "topic recordings: cleanup.policy changed from delete to compact",
    ),
    "kept for a while only": (
        change(topic("recordings", "configuration"), **{"retention.ms": "1000"}),
        "topic recordings: retention.ms lowered from -1 to 1000",
    ),
    "size lowered": (
        change(topic("visits", "configuration"), **{"max.message.bytes": "1000"}),
        "topic visits: max.message.bytes lowered",
    ),
    "producers' clocks": (
        change(topic("visits", "configuration"), **{"message.timestamp.type": "CreateTime"}),
        "topic visits: message.timestamp.type changed",
    ),
    "setting gone": (
        drop(topic("visits", "configuration"), "retention.bytes"),
        "topic visits: retention.bytes changed from -1 to None",
    ),
    "ids derived otherwise": (
        change(topic("visits", "types", VISIT), aggregate="trip"),
        f"topic visits: type {VISIT}: the aggregate changed",
    ),
}

ADDITIVE = {
    "nothing": lambda found: None,
    "type": change(types, **{"jemputbola.card-status-changed.v1": {"type": "object", "required": ["x"]}}),
    "type in a topic": change(topic("visits", "types"), **{"jemputbola.visit-noted.v1": {}}),
    "topic": change(topics, **{"card-statuses": {"partitions": 6}}),
    "optional property": change(properties(RECORDED), room={"type": "string", "default": "1"}),
    "optional property inside": lambda found: documents(found)["properties"].update(passport={"type": "boolean"}),
    "enum widened": change(prop("status", VISIT), enum=["planned", "scheduled", "cancelled", "completed"]),
    "enum opened": drop(prop("status", VISIT), "enum"),
    "integer to number": change(prop("revision", RECORDED), type="number"),
    "null accepted": lambda found: properties(RECORDED)(found).update(
        cause={"anyOf": [prop("cause", RECORDED)(found), {"type": "null"}]}
    ),
    "pattern lifted": drop(prop("group", RECORDED), "pattern", "maxLength"),
    "pattern with sets that grew": change(prop("person_id", RECORDED), pattern=UUID),
    "pattern with one alternative more": change(prop("npsn", LISTED), pattern="^([0-9]{8}|P[0-9]{7}|K[0-9]{3}(a|b))$"),
    "maximum raised": change(prop("sets", VISIT), maxItems=2000),
    "minimum lowered": change(prop("revision", RECORDED), minimum=0),
    "no longer limited": drop(prop("sets", VISIT), "maxItems"),
    "words": change(prop("revision", RECORDED), description="Other words.", title="Revision"),
    "partitions added": change(topic("recordings"), partitions=12),
    "kept longer": change(topic("recording-submissions", "configuration"), **{"retention.ms": "-1"}),
    "setting added": change(topic("visits", "configuration"), **{"segment.ms": "1000"}),
    "reader added": change(topic("visits"), readers=["enrollment", "reporting"]),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_broken_promise_is_named(name: str) -> None:
    plant, expected = BREAKING[name]
    planted = deepcopy(contracts())
    plant(planted)

    found = breaks(contracts(), planted)

    assert [line for line in found if line.startswith(expected)], found
    # One change, one line.
    assert len(found) == 1, found


@pytest.mark.parametrize("name", ADDITIVE)
def test_growth_passes(name: str) -> None:
    planted = deepcopy(contracts())
    ADDITIVE[name](planted)

    assert breaks(contracts(), planted) == []


@pytest.mark.parametrize("name", sorted(set(ADDITIVE) - {"nothing", "words", "reader added"}))
def test_what_was_added_may_not_be_taken_back(name: str) -> None:
    grown = deepcopy(contracts())
    ADDITIVE[name](grown)

    assert breaks(grown, contracts())
