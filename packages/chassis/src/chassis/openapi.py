"""Makes the OpenAPI document tell the truth about problems: which statuses, which content type, which texts."""

from typing import Any, Final

from chassis.access import PUBLIC, Access, Roles
from chassis.answers import MEDIA_TYPE
from chassis.problems import (
    ALL,
    BUSY,
    FORBIDDEN,
    INVALID,
    MALFORMED,
    MISDIRECTED,
    TOO_LARGE,
    TOO_SLOW,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Kind,
)

_PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). It never repeats what was sent.",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "enum": [kind.type for kind in ALL]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "reason": {"type": "string", "description": "Which rule does not allow it: a word for programs."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "JSON pointer into the body."},
                    "parameter": {"type": "string", "description": "Name of a parameter."},
                    "in": {"enum": ["path", "query", "header", "cookie"]},
                },
            },
        },
    },
}
_REF: Final = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_BEARER: Final = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_WITH_BODY: Final = {"post", "put", "patch"}
ETAG: Final[dict[str, Any]] = {"ETag": {"description": 'The revision, as `"7"`.', "schema": {"type": "string"}}}
NO_NUL: Final = r"^[^\u0000]*$"


def problems(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses=`: the problems that it answers, beside those that every route may answer."""
    by_status: dict[int, list[Kind]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _response(*same) for status, same in by_status.items()}


def _response(*kinds: Kind) -> dict[str, Any]:
    response: dict[str, Any] = {"description": " · ".join(kind.title for kind in kinds), "content": _REF}
    if UNAVAILABLE in kinds or BUSY in kinds:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return response


def truthful(document: dict[str, Any], access: Access) -> dict[str, Any]:
    """FastAPI's document with the problems of the middleware and the handlers, and with who may use what."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = _PROBLEM
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            _operation(method, operation)
            if access.tokens is not None:
                _security(operation, access.table[f"{method.upper()} {path}"])
    if access.tokens is not None:
        document["components"]["securitySchemes"] = {"token": _BEARER}
    _without_nul(document)
    return document


def _operation(method: str, operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        _without_null(parameter["schema"])
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    kinds = [MALFORMED, TOO_SLOW, MISDIRECTED, INVALID, BUSY, UNAVAILABLE]
    if method in _WITH_BODY:
        kinds += [TOO_LARGE, UNSUPPORTED_MEDIA_TYPE]
    for kind in kinds:
        responses.setdefault(str(kind.status), _response(kind))


def _security(operation: dict[str, Any], admitted: Roles) -> None:
    operation["security"] = [] if admitted == PUBLIC else [{"token": []}]
    operation["x-roles"] = sorted(admitted)
    operation["responses"].setdefault(str(UNAUTHORIZED.status), _response(UNAUTHORIZED))
    if admitted != PUBLIC:
        operation["responses"].setdefault(str(FORBIDDEN.status), _response(FORBIDDEN))


def _without_null(schema: dict[str, Any]) -> None:
    """A parameter is there or not there: in an address or a header nothing can be null, only the text "null"."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        schema.update(choices[0] | schema)
    elif choices:
        schema["anyOf"] = choices


def _without_nul(node: Any) -> None:
    """Texts and names without a narrower rule still may not hold a NUL: say so, since the guard refuses it."""
    if isinstance(node, dict):
        free = not node.keys() & {"pattern", "format", "enum", "const", "contentMediaType"}
        if node.get("type") == "string" and free:
            node["pattern"] = NO_NUL
        if node.get("type") == "object" and node.get("additionalProperties", False) is not False:
            node.setdefault("propertyNames", {"pattern": NO_NUL})
        for value in node.values():
            _without_nul(value)
    elif isinstance(node, list):
        for item in node:
            _without_nul(item)
