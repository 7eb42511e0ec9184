"""A kecamatan has one spelling, whatever hand wrote it; names that differ stay two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.schools import kecamatan_in_one_spelling


@pytest.mark.parametrize(
    "written",
    ["Klojen", "KLOJEN ", "klojen", " Kec. Klojen", "KEC.KLOJEN", "kec klojen", "Kecamatan  Klojen",
     "Kecamatan: KLOJEN", "Kec. Kec. Klojen", "Klojen\u00a0"],
)  # fmt: skip
def test_case_spaces_and_what_stands_before_it_make_no_difference(written: str) -> None:
    assert kecamatan_in_one_spelling(written) == "Klojen"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("ILIR BARAT II", "Ilir Barat II"),
        ("x koto", "X Koto"),
        ("MA'RANG", "Ma'rang"),
        ("pulau-pulau aru", "Pulau-Pulau Aru"),
        ("Kecapi", "Kecapi"),
        ("Kec.", "Kec."),
        (" ", " "),
    ],
)
def test_nothing_else_is_changed(written: str, shown: str) -> None:
    assert kecamatan_in_one_spelling(written) == shown


@given(st.one_of(st.text(max_size=30), st.from_regex(r"(kec\.? |Kecamatan)?[A-Za-z '.:-]{1,20}", fullmatch=True)))
def test_what_has_its_spelling_keeps_it(written: str) -> None:
    shown = kecamatan_in_one_spelling(written)
    assert kecamatan_in_one_spelling(shown) == shown
    assert bool(shown) == bool(written)
