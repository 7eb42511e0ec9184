"""Structured logs, one chain for structlog and the standard library. Last guard: no run of 16 digits gets out."""

import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

from chassis.settings import MigrationSettings

_DIGITS: Final = re.compile(r"\d{16,}")
_DETAIL: Final = re.compile(r"(?m)^(DETAIL:).*$")  # PostgreSQL prints whole rows there
NOISY: Final = ("aiokafka", "faststream", "kafka")


def mask(text: str) -> str:
    """The text without runs of 16 digits and more, which may be somebody's NIK."""
    return _DIGITS.sub("[masked]", text)


def masked(value: object) -> Any:
    """The value with every text, number and key in it masked; what is neither becomes text if it holds such a run."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {masked(key): masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item) for item in value]
    if isinstance(value, bytes):
        return mask(value.decode("utf-8", "replace"))
    text = str(value)
    return mask(text) if not isinstance(value, int | float) or _DIGITS.search(text) else value


def mask_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """structlog processor: masks the whole event, tracebacks included."""
    if isinstance(event.get("exception"), str):
        event["exception"] = _DETAIL.sub(r"\1 withheld", event["exception"])
    return {mask(str(key)): value if key.startswith("_") else masked(value) for key, value in event.items()}


class RateLimit(logging.Filter):
    """Lets at most `most` equal messages of a noisy logger through per `seconds`; the next one tells how many were not.

    Equal means the same logger, level and message before its arguments are filled in.
    """

    def __init__(
        self,
        prefixes: tuple[str, ...] = NOISY,
        *,
        most: int = 3,
        seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._prefixes, self._most, self._seconds, self._clock = prefixes, most, seconds, clock
        self._windows: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(self._prefixes):
            return True
        now, key = self._clock(), (record.name, record.levelno, str(record.msg)[:200])
        if len(self._windows) > 1000:
            self._windows = {k: w for k, w in self._windows.items() if now - w[0] < self._seconds}
        began, seen = self._windows.get(key, (now, 0))
        if now - began >= self._seconds:
            suppressed, began, seen = seen - self._most, now, 0
            if suppressed > 0:
                record.msg = f"{record.msg} (and {suppressed} like it were not shown)"
        self._windows[key] = (began, seen + 1)
        return seen < self._most


class _Stderr(logging.Handler):
    """Writes to stderr. What cannot be written is told without its content: the standard library prints it unmasked."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            line = f"a log record of {record.name} could not be formatted"
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")


def configure(settings: MigrationSettings, service: str) -> None:
    """Sends all logs of the process to stderr, as lines for people (`console`) or as JSON."""

    def name_service(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = _Stderr()
    handler.addFilter(RateLimit())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask_event,
                renderer,
            ],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name, level in (("uvicorn", "WARNING"), ("uvicorn.access", "CRITICAL"), ("asyncio", "WARNING")):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(level)
