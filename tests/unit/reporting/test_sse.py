"""A server-sent event ends its lines where the protocol does, and nowhere else."""

from __future__ import annotations

import pytest

from reporting.live.sse import event


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_a_sign_that_python_splits_at_stays_in_its_line(sign: str) -> None:
    assert event("coverage", 7, f'{{"name": "SMAN{sign}1"}}') == (
        f'event: coverage\nid: 7\ndata: {{"name": "SMAN{sign}1"}}\n\n'
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_of_the_protocol_is_a_line_of_data(end: str) -> None:
    assert event("change", 7, f"<p>{end}</p>") == "event: change\nid: 7\ndata: <p>\ndata: </p>\n\n"
