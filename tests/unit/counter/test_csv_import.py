"""Files as people make them: every row gets an answer, and a bad one harms no other."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from contracts.types import Instant
from counter import CounterError, Recording, columns
from counter.csv_import import Row, open_csv
from tests.unit.counter.support import HEADER, csv_line, nik, recording

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
        path = tmp_path / "file.csv"
        path.write_bytes(end.join((*lines, "")).encode(encoding))
        return path

    return write


def rows(path: Path) -> list[Row]:
    return list(open_csv(path).rows())


def said(row: Row) -> str:
    return "; ".join(f"{problem.column} {problem.message}" for problem in row.errors)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_every_ordinary_form_of_a_file(write: Write, end: str, encoding: str, delimiter: str) -> None:
    lines = [
        line.replace(",", delimiter) for line in (HEADER, csv_line(1), "", csv_line(2), delimiter * 3, csv_line(3))
    ]
    read = rows(write(*lines, encoding=encoding, end=end))
    assert [row.number for row in read] == [2, 4, 6]
    assert [row.recording for row in read] == [recording(1), recording(2), recording(3)]


def test_the_separator_line_and_the_trailing_columns_of_a_spreadsheet(write: Write) -> None:
    header, line = HEADER.replace(",", ";"), csv_line(1).replace(",", ";")
    (row,) = rows(write("sep=;", header + ";;", line + ";;"))
    assert (row.number, row.recording) == (3, recording(1))


def test_header_names_in_any_order_and_case_and_quotes(write: Write) -> None:
    path = write(
        'GROUP," Recorded_At", nik,birth_date,place',
        f'outside:pasar,2024-09-19T12:00:00+07:00,"{nik(1)}",2007-01-31,"Aula ""Merdeka"", lantai 2"',
    )
    (row,) = rows(path)
    assert row.recording is not None
    assert (row.recording.group, row.recording.place) == ("outside:pasar", 'Aula "Merdeka", lantai 2')


def test_all_columns(write: Write) -> None:
    path = write(
        ",".join(columns.COLUMNS),
        f"{nik(1)},2007-01-31,,2024-09-19T12:00:00.5Z,ya,35.79,office,Loket 2,0191F0E0-7B1C-7D3E-8F00-0123456789AB,"
        "1,tidak,0191f0e0-7b1c-7d3e-8f00-0123456789ac,2024-09-20T00:00:00+07:00",
    )
    (row,) = rows(path)
    assert row.recording == Recording(
        nik=nik(1),
        birth_date=date(2007, 1, 31),
        group=None,
        recorded_at=datetime(2024, 9, 19, 12, 0, 0, 500_000, UTC),
        married=True,
        domicile_regency="35.79",
        kind="office",
        place="Loket 2",
        session_id="0191f0e0-7b1c-7d3e-8f00-0123456789ab",
        family_card=True,
        birth_certificate=False,
        submission_id="0191f0e0-7b1c-7d3e-8f00-0123456789ac",
        replayed_at=datetime.fromisoformat("2024-09-20T00:00:00+07:00"),
    )


@pytest.mark.parametrize("text", [f"'{nik(1)}", f"  {nik(1)} ", f"\u00a0{nik(1)}"])
def test_harmless_dress_of_a_nik_is_taken_off(write: Write, text: str) -> None:
    (row,) = rows(write(HEADER, csv_line(nik=text)))
    assert row.recording is not None and row.recording.nik == nik(1)


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("nik", "3.57399E+15", "nik was turned into scientific notation"),
        ("nik", '"3,57399E+15"', "nik was turned into scientific notation"),
        ("nik", nik(1) + ".0", "nik was turned into a decimal number"),
        ("nik", "3573 9931 0107 0001", "nik has spaces, dots or other signs"),
        ("nik", "35.73.99.310107.0001", "nik has spaces, dots or other signs"),
        ("nik", nik(1)[:15], "nik has 15 digits, a NIK has 16"),
        ("nik", nik(1)[:-4] + "0000", "nik ends in 0000"),
        ("nik", "３５７３９９３１０１０７０００１", "nik must be 16 digits (0-9)"),
        ("nik", "Budi", "nik must be 16 digits"),
        ("nik", "", "nik is empty"),
        ("nik", "'", "nik is empty"),
        ("birth_date", "31-01-2007", "birth_date must be written year-month-day"),
        ("birth_date", "2007-02-30", "birth_date is no day of the calendar"),
        ("birth_date", "1899-12-30", "birth_date is before 1900"),
        ("birth_date", "2024-12-31", "birth_date is after recorded_at"),
        ("birth_date", "", "birth_date is empty"),
        ("group", "20533457", "group must be npsn:<8 digits, or P and 7>"),
        ("group", "npsn:123", "group must be npsn:<8 digits, or P and 7>"),
        ("recorded_at", "2024-09-20T08:01:00", "recorded_at has no offset"),
        ("recorded_at", "19/09/2024 08:00", "recorded_at must be date, time and offset"),
        ("recorded_at", "2024-09-31T08:00:00+07:00", "recorded_at is no time of the calendar"),
        ("recorded_at", "1970-01-01T00:00:00Z", "recorded_at must lie between the years 2000 and 2099"),
        ("recorded_at", "0001-01-01T00:00:00+14:00", "recorded_at must lie between the years 2000 and 2099"),
        ("recorded_at", "", "recorded_at is empty"),
        ("married", "mungkin", "married must be true or false"),
        ("domicile_regency", "3573", "domicile_regency must be a regency's code"),
        ("kind", "k" * 65, "kind must be 1-64 characters"),
        ("place", nik(2), "place must be 1-200 characters on one line and no NIK"),
        ("place", "3573 9931 0107 0001", "place must be 1-200 characters on one line and no NIK"),
        ("place", "Aula\u2028SMAN", "place must be 1-200 characters on one line and no NIK; it holds a line separator"),
        (
            "nik",
            nik(1) + "\u200b",
            "nik must be 16 digits (0-9) and nothing else; it holds a zero width space (U+200B) at place 17",
        ),
        (
            "nik",
            "\uff13" + nik(1)[1:],
            "nik must be 16 digits (0-9) and nothing else; it holds a digit that is none of 0-9 at place 1",
        ),
        (
            "group",
            "npsn:20533456\u200b",
            "group must be npsn:<8 digits, or P and 7>, outside or outside:<label>",
        ),
        (
            "birth_date",
            "2007\u201101\u201131",
            "birth_date must be written year-month-day, as 2001-12-30; it holds a non-breaking hyphen",
        ),
        ("group", "npsn:9999001", "group must be npsn:<8 digits, or P and 7>"),
        ("session_id", "sesi-1", "session_id must be a UUID"),
        ("submission_id", "7", "submission_id must be a UUID"),
        ("replayed_at", "2024-09-20T08:01:00", "replayed_at has no offset"),
    ],
)
def test_a_bad_value_is_refused_with_its_column_and_what_to_do(
    write: Write, column: str, text: str, message: str
) -> None:
    header = HEADER if column in columns.REQUIRED else f"{HEADER},{column}"
    bad = csv_line(1, **{column: text})
    filler = "" if column in columns.REQUIRED else ","
    before, row, after = rows(write(header, csv_line(2) + filler, bad, csv_line(3) + filler))
    assert (before.recording, after.recording) == (recording(2), recording(3))
    assert row.recording is None and said(row).startswith(message)
    assert nik(1) not in said(row) and "2007-01-31" not in said(row)
    if len(text) > 4:
        assert text not in said(row), "what was written is not repeated"


def test_the_sign_is_named_with_its_place(write: Write) -> None:
    (row,) = rows(write(HEADER, csv_line(group="npsn:20533456\u200b")))
    assert said(row).endswith("as npsn:20533456; it holds a zero width space (U+200B) at place 14")


@pytest.mark.parametrize(
    "text", ["2024-09-19T12:00+07:00", "2024-09-19 12:00+0700", "2024-09-19t05:00z", "2024-09-19_12:00:00+07:00"]
)
def test_an_instant_is_taken_in_every_form_that_the_contract_takes(write: Write, text: str) -> None:
    (row,) = rows(write(HEADER, csv_line(recorded_at=text)))
    assert row.recording is not None and row.recording.recorded_at == TypeAdapter(Instant).validate_python(text)


def test_a_school_whose_number_begins_with_p(write: Write) -> None:
    (row,) = rows(write(HEADER, csv_line(group="npsn:P9999001")))
    assert row.recording is not None and row.recording.group == "npsn:P9999001"


def test_all_problems_of_a_row_are_told_at_once(write: Write) -> None:
    (row,) = rows(write(HEADER, "x,y,z,w"))
    assert [problem.column for problem in row.errors] == ["nik", "birth_date", "group", "recorded_at"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (csv_line(1).rsplit(",", 1)[0], "row has 3 columns where the header has 4"),
        (csv_line(1) + ",more", "row has 5 columns where the header has 4"),
        (f'"{csv_line(1)}', "row has a quote that is not closed"),
        (csv_line(1) + "x" * 20_000, "row is longer than any row can be"),
    ],
)
def test_a_spoilt_row_is_refused_alone(write: Write, line: str, message: str) -> None:
    before, row, after = rows(write(HEADER, csv_line(2), line, csv_line(3)))
    assert said(row).startswith(message)
    assert (before.recording, after.recording, after.number) == (recording(2), recording(3), 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n \n", "is empty"),
        (f"{HEADER}\n{csv_line(1)}\nNama Sekolah M\xfcller\n".encode("cp1252"), "line 3 has a letter of another"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest of a workbook", "is a spreadsheet"),
        (csv_line(1).encode(), "the first line must name the columns"),
        (HEADER.replace(",", "\t").encode(), "separated by tabs"),
        (b"nik,birth_date,recorded_at", "lacks the column group"),
        (f"{HEADER},nik".encode(), "names the column nik twice"),
        (f"{HEADER},maried".encode(), "column 5 of the first line is not known: is it married?"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(CounterError, match=message) as refused:
        open_csv(path)
    assert nik(1) not in str(refused.value)


def test_the_line_of_a_wrong_letter_is_right_far_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    good = "\r\n".join([HEADER, *(csv_line(n) for n in range(1, 9000))])
    path.write_bytes(good.encode() + b"\r\nM\xfcller\r\n")
    with pytest.raises(CounterError, match="line 9001 "):
        open_csv(path)


def test_a_missing_file_is_told() -> None:
    with pytest.raises(CounterError, match="cannot be read: No such file"):
        open_csv(Path("/nowhere/file.csv"))


def test_foreign_columns_are_left_out_and_told_by_number(write: Write) -> None:
    file = open_csv(write(f"no,{HEADER},nama", f"1,{csv_line(1)},Budi"))
    assert file.notes == ["column 1 is not known and left out", "column 6 is not known and left out"]
    assert [row.recording for row in file.rows()] == [recording(1)]


LABELS = st.text(st.characters(exclude_categories=("C", "Z", "N")), min_size=1, max_size=40)
FLAGS = st.sampled_from([("ya", True), ("FALSE", False), ("1", True), ("", False)])


@given(
    born=st.dates(date(1950, 1, 1), date(2008, 1, 1)),
    serial=st.integers(1, 9999),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    place=LABELS,
    married=FLAGS,
    delimiter=st.sampled_from([",", ";"]),
)
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    born: date,
    serial: int,
    at: datetime,
    place: str,
    married: tuple[str, bool],
    delimiter: str,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow([*columns.REQUIRED, "place", "married"])
    writer.writerow([nik(serial, born), born.isoformat(), "outside", at.isoformat(), place, married[0]])
    path = tmp_path_factory.mktemp("csv") / "file.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    (row,) = rows(path)
    assert row.recording == recording(
        nik=nik(serial, born), birth_date=born, group="outside", recorded_at=at, place=place, married=married[1]
    )
