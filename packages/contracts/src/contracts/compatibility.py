"""The rule for changes: what was promised once holds for ever, because the log keeps every record for ever.

A record of last year must still be read by today's code, and last year's reader must find in today's records what it
relies on. So a released type or topic only grows: nothing removed, nothing newly required, no enum, type, pattern or
limit narrowed. Whatever does not fit gets a new type, `.v2`, beside the old one. Pure: JSON in, sentences out.
"""

import re
from collections.abc import Callable, Iterator
from itertools import chain, zip_longest
from typing import Any, Final

Json = dict[str, Any]
Found = Iterator[str]

LOWER_LIMITS: Final = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
UPPER_LIMITS: Final = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
WORDS_FOR_PEOPLE: Final = {"title", "description", "examples", "$schema", "$id"}
JUDGED_APART: Final = {"properties", "required", "default", "anyOf"}
SIZES: Final = {"retention.ms", "retention.bytes", "max.message.bytes"}


def breaks(released: Json, current: Json) -> list[str]:
    """Every promise of `released` that `current` breaks, one line each; both as `describe.contracts` writes them."""
    topics = chain.from_iterable(
        _topic(f"topic {name}", topic, current["topics"].get(name)) for name, topic in released["topics"].items()
    )
    types = chain.from_iterable(
        _compare(name, _inlined(schema, schema), _inlined(current["types"][name], current["types"][name]))
        if name in current["types"]
        else [f"{name}: removed"]
        for name, schema in released["types"].items()
    )
    return [*topics, *types]


def _topic(at: str, old: Json, new: Json | None) -> Found:
    if new is None:
        yield f"{at}: removed"
        return
    if new["key"] != old["key"]:
        yield f"{at}: the key changed from {old['key']} to {new['key']}"
    if new["partitions"] < old["partitions"]:
        yield f"{at}: partitions reduced from {old['partitions']} to {new['partitions']}"
    for name, value in old["configuration"].items():
        now = new["configuration"].get(name)
        if name in SIZES and now is not None:
            if _size(now) < _size(value):
                yield f"{at}: {name} lowered from {value} to {now}"
        elif now != value:
            yield f"{at}: {name} changed from {value} to {now}"
    for name, type_ in old["types"].items():
        if name not in new["types"]:
            yield f"{at}: type {name} removed"
        elif new["types"][name] != type_:
            yield f"{at}: type {name}: the aggregate changed, and with it the id of every event"


def _size(value: str) -> float:
    return float("inf") if value == "-1" else int(value)


def _compare(at: str, old: Json, new: Json) -> Found:
    if "default" in old and new.get("default", ...) != old["default"]:
        yield f"{at}: the default changed, and with it the meaning of records without the field"
    after = _alternatives(new)
    for before in _alternatives(old):
        if before == {"type": "null"}:
            if before not in after:
                yield f"{at}: null is no longer accepted"
            continue
        # One against one is the common case ("a string or null") and deserves the exact words.
        likely = [other for other in after if other.get("type") == before.get("type")] or after
        yield from min((list(_keywords(at, before, other)) for other in likely), key=len)


def _keywords(at: str, old: Json, new: Json) -> Found:
    yield from _fields(at, old, new)
    for keyword in sorted((old.keys() | new.keys()) - WORDS_FOR_PEOPLE - JUDGED_APART):
        was, now = old.get(keyword), new.get(keyword)
        if was != now:
            yield from RULES.get(keyword, _unknown)(at, keyword, was, now)


def _fields(at: str, old: Json, new: Json) -> Found:
    properties = new.get("properties", {})
    was, now = set(old.get("required", [])), set(new.get("required", []))
    for name, schema in old.get("properties", {}).items():
        if name not in properties:
            yield f"{at} {name}: removed"
            continue
        yield from _compare(f"{at} {name}", schema, properties[name])
        if name in was - now:
            yield f"{at} {name}: no longer sure to be there"
    for name in sorted(now - was):
        yield f"{at} {name}: newly required"


def _inlined(schema: Any, root: Json) -> Any:
    """The schema with every `$ref` replaced by what it points to: equal references may point to unequal things."""
    if isinstance(schema, list):
        return [_inlined(member, root) for member in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    target = _inlined(root["$defs"][reference.removeprefix("#/$defs/")], root) if reference else {}
    return target | {name: _inlined(value, root) for name, value in schema.items() if name not in ("$ref", "$defs")}


def _alternatives(schema: Json) -> list[Json]:
    """What a value may be: the members of `anyOf`, else the schema itself. `const` is an enum of one."""
    return [
        {**{name: value for name, value in member.items() if name != "const"}, "enum": [member["const"]]}
        if "const" in member
        else member
        for member in schema.get("anyOf", [schema])
    ]


def _type(at: str, keyword: str, was: str | None, now: str | None) -> Found:
    if now is not None and (was, now) != ("integer", "number"):
        yield f"{at}: the type changed from {was or 'any'} to {now}"


def _enum(at: str, keyword: str, was: list[Any] | None, now: list[Any] | None) -> Found:
    if now is None:
        return
    if was is None:
        yield f"{at}: narrowed to an enum"
        return
    gone = [str(value) for value in was if value not in now]
    if gone:
        yield f"{at}: the enum lost {', '.join(gone)}"


def _limit(at: str, keyword: str, was: float | None, now: float | None) -> Found:
    if now is None:
        return
    narrower = was is None or (now > was if keyword in LOWER_LIMITS else now < was)
    if narrower:
        yield f"{at}: {keyword} narrowed from {'none' if was is None else was} to {now}"


def _fixed(at: str, keyword: str, was: str | None, now: str | None) -> Found:
    if now is not None:
        yield f"{at}: the {keyword} changed, and nobody can tell that it is not narrower"


def _pattern(at: str, keyword: str, was: str | None, now: str | None) -> Found:
    if was is None or now is None or not (_classes_grew(was, now) or _alternative_added(was, now)):
        yield from _fixed(at, keyword, was, now)


def _alternative_added(was: str, now: str) -> bool:
    """Whether `^(A)$` or `^A$` became `^(A|B)$`: whatever matched still does.

    The answer is no for a pattern with escaped parentheses, and for one that looks ahead or behind.
    """
    if any(sign in was + now for sign in ("(?", "\\(", "\\)", "[(", "[)")):
        return False
    before = was.removeprefix("^").removesuffix("$")
    if before[:1] + before[-1:] == "()" and _balanced(before[1:-1]):
        before = before[1:-1]
    elif "|" in before:
        return False
    head, tail = f"^({before}|", ")$"
    added = now[len(head) : -len(tail)]
    whole = was.startswith("^") and was.endswith("$") and now == f"{head}{added}{tail}"
    return whole and _balanced(before) and _balanced(added)


def _balanced(pattern: str) -> bool:
    depth = 0
    for sign in pattern:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            return False
    return depth == 0


def _classes_grew(was: str, now: str) -> bool:
    """Whether only sets of characters differ, as `[0-9a-f]`, and all of these grew: whatever matched still does.

    The answer is no for a pattern with escapes, and for one that looks ahead or behind.
    """
    if any(sign in was + now for sign in ("(?", "\\")):
        return False
    pairs = zip_longest(_CLASSES.split(was), _CLASSES.split(now), fillvalue="")
    return all(old == new or set() < _members(old) < _members(new) for old, new in pairs)


_CLASSES: Final = re.compile(r"(\[[^]^[]+\])")


def _members(characters: str) -> set[str]:
    """The ASCII characters of a set; none for any other part of a pattern."""
    if not _CLASSES.fullmatch(characters):
        return set()
    return {character for character in map(chr, range(128)) if re.fullmatch(characters, character)}


def _unknown(at: str, keyword: str, was: Any, now: Any) -> Found:
    yield f"{at}: {keyword} changed, and no rule judges that"


def _within(at: str, keyword: str, was: Json | None, now: Json | None) -> Found:
    return _compare(f"{at} {keyword}", was or {}, now or {})


def _by_pattern(at: str, keyword: str, was: Json | None, now: Json | None) -> Found:
    if now is not None and (was is None or was.keys() != now.keys()):
        yield f"{at}: the pattern of the names changed, and nobody can tell that it is not narrower"
        return
    for pattern, schema in (was or {}).items():
        yield from _compare(f"{at} *", schema, (now or {}).get(pattern, {}))


def _additional(at: str, keyword: str, was: Any, now: Any) -> Found:
    if now is False:
        yield f"{at}: further properties are no longer accepted"
    elif isinstance(now, dict):
        yield from _compare(f"{at} *", was if isinstance(was, dict) else {}, now)


# A keyword that is not here has no rule: a change of it is reported, not passed in silence.
RULES: Final[dict[str, Callable[[str, str, Any, Any], Found]]] = {
    **dict.fromkeys(LOWER_LIMITS | UPPER_LIMITS, _limit),
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "format": _fixed,
    "patternProperties": _by_pattern,
    "propertyNames": _within,
    "items": _within,
    "additionalProperties": _additional,
}
