"""Logs: nobody's NIK gets out, floods are cut, one chain for structlog and the standard library."""

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from chassis.logging import RateLimit, configure, mask, masked

NIK = "3573990101010001"


@pytest.fixture
def json_logs(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure(SimpleNamespace(log_level="info", log_format="json"), "tiny")
    yield capsys
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_sixteen_digits_are_masked_wherever_they_are(json_logs: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("a")
    log.info(f"of {NIK}", number=int(NIK), deep={NIK: [{"x": (NIK, NIK.encode())}]}, other=SimpleNamespace(nik=NIK))
    logging.getLogger("b").warning("of %s and %d", NIK, int(NIK), extra={"nik": NIK})
    try:
        raise ValueError(NIK)
    except ValueError:
        log.exception("failed", value=1.5, flag=True, none=None)
    out = json_logs.readouterr().err
    lines = [json.loads(line) for line in out.splitlines()]
    assert NIK not in out
    assert len(lines) == 3
    assert all(line["service"] == "tiny" and line["timestamp"] for line in lines)
    assert "ValueError: [masked]" in lines[2]["exception"]
    assert (lines[2]["value"], lines[2]["flag"], lines[2]["none"]) == (1.5, True, None)


def test_rows_that_postgresql_quotes_are_withheld(json_logs: pytest.CaptureFixture[str]) -> None:
    said = "null value\nDETAIL:  Failing row contains (Siti, 2008-01-02)."
    try:
        raise RuntimeError(said)
    except RuntimeError:
        structlog.get_logger("a").exception("failed")
    assert "Siti" not in json_logs.readouterr().err


@given(before=st.text(max_size=5), digits=st.from_regex(r"[0-9]{16,40}", fullmatch=True), after=st.text(max_size=5))
def test_no_run_of_sixteen_digits_survives(before: str, digits: str, after: str) -> None:
    assert digits not in mask(before + digits + after)
    assert digits not in str(masked({before + digits: [int(digits), digits + after]}))


@given(st.text(alphabet="0123456789ab-", max_size=15))
def test_shorter_texts_are_left_alone(text: str) -> None:
    assert mask(text) == text


def test_equal_messages_of_a_noisy_logger_are_cut_and_counted() -> None:
    now = 0.0
    limit = RateLimit(("aiokafka",), most=2, seconds=10, clock=lambda: now)

    def shown(name: str, node: int) -> str | None:
        record = logging.LogRecord(name, logging.ERROR, "", 0, "no answer from %d", (node,), None)
        return record.getMessage() if limit.filter(record) else None

    assert [shown("aiokafka.conn", n) for n in range(5)] == ["no answer from 0", "no answer from 1", None, None, None]
    assert shown("ours", 1) == "no answer from 1"
    now = 10.0
    assert shown("aiokafka.conn", 7) == "no answer from 7 (and 3 like it were not shown)"
    now = 30.0
    assert shown("aiokafka.conn", 8) == "no answer from 8"


def test_uvicorn_says_nothing_about_each_request(json_logs: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("uvicorn.access").info("GET / 200")
    logging.getLogger("uvicorn.error").info("Started server process")
    assert json_logs.readouterr().err == ""


def test_a_record_that_cannot_be_formatted_is_not_shown_raw(json_logs: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("b").propagate = False
    logging.getLogger("b").addHandler(logging.getLogger().handlers[0])
    logging.getLogger("b").error("%d persons", NIK)
    assert json_logs.readouterr().err == "a log record of b could not be formatted\n"
