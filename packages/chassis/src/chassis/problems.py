"""The one list of problem types (RFC 9457), and the exception that answers a request with one of them."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of problem: what programs tell apart. `type` never changes once published."""

    slug: str
    title: str
    status: int

    @property
    def type(self) -> str:
        """The URI reference in the answer."""
        return f"/problems/{self.slug}"


MALFORMED: Final = Kind("malformed-request", "The request cannot be read", 400)
UNAUTHORIZED: Final = Kind("unauthorized", "A token of the issuer is needed", 401)
FORBIDDEN: Final = Kind("forbidden", "Your roles do not allow this", 403)
NOT_FOUND: Final = Kind("not-found", "There is nothing here", 404)
METHOD_NOT_ALLOWED: Final = Kind("method-not-allowed", "This cannot be done here", 405)
TOO_SLOW: Final = Kind("request-timeout", "The request did not arrive in time", 408)
CONFLICT: Final = Kind("conflict", "It exists already, with other content", 409)
REFUSED: Final = Kind("refused", "A rule does not allow this", 409)
STALE_REVISION: Final = Kind("stale-revision", "It has changed since you read it", 412)
EXISTS: Final = Kind("exists", "It exists already", 412)
TOO_LARGE: Final = Kind("content-too-large", "The body is too large", 413)
MISDIRECTED: Final = Kind("misdirected-request", "This service has another address", 421)
UNSUPPORTED_MEDIA_TYPE: Final = Kind("unsupported-media-type", "The body must be JSON", 415)
INVALID: Final = Kind("invalid-request", "Some values are not allowed", 422)
KEY_REUSED: Final = Kind("idempotency-key-reused", "This Idempotency-Key was used for another request", 422)
BUSY: Final = Kind("busy", "Too much is asked at the moment", 429)
INTERNAL: Final = Kind("internal-error", "Something went wrong here", 500)
UNAVAILABLE: Final = Kind("unavailable", "The database does not answer at the moment", 503)

ALL: Final = (
    MALFORMED, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_SLOW, CONFLICT, REFUSED, STALE_REVISION,
    EXISTS, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, MISDIRECTED, INVALID, KEY_REUSED, BUSY, INTERNAL, UNAVAILABLE,
)  # fmt: skip


class Problem(Exception):
    """Raise it to answer with a problem. `detail` and `ext` say what to do and never hold what the client sent.

    `ext` are further members of the answer, as `current=7` or `errors=[{"pointer": "#/value", "detail": "..."}]`.
    """

    def __init__(self, kind: Kind, detail: str = "", *, headers: dict[str, str] | None = None, **ext: Any) -> None:
        super().__init__(f"{kind.slug}: {detail}" if detail else kind.slug)
        self.kind, self.detail, self.headers, self.ext = kind, detail, headers or {}, ext

    def body(self) -> dict[str, Any]:
        body = {"type": self.kind.type, "title": self.kind.title, "status": self.kind.status}
        return body | ({"detail": self.detail} if self.detail else {}) | self.ext


def of_status(status: int) -> Kind:
    """The kind for a bare HTTP status, as frameworks raise it."""
    by_status = {kind.status: kind for kind in reversed(ALL)}
    return by_status.get(status, MALFORMED if status < 500 else INTERNAL)
