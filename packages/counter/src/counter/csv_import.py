"""Reading an import file, whatever made it: row by row, in bounded memory, and every row gets a result.

A row is one line of the file, so a quote that is not closed spoils its own row and not the rest of the file.
"""

import codecs
import csv
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from counter import columns
from counter.errors import CounterError, FieldError, RecordingRefused
from counter.recording import Recording

LONGEST_LINE: Final = 16_384  # characters
_CHUNK: Final = 256 * 1024
_SEPARATOR_LINE = re.compile(r'"?sep=([,;])"?;*,*', re.IGNORECASE)
_SAVE_AS: Final = "in the spreadsheet choose Save As, CSV UTF-8"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file, counted as an editor counts; `recording` None when it cannot be stored."""

    number: int
    recording: Recording | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(slots=True)
class CsvFile:
    """A file whose encoding and header are fine. `lines` is what a progress bar needs; `notes` are for the user."""

    path: Path
    lines: int
    delimiter: str
    header: Mapping[int, str]
    width: int
    starts_after: int
    notes: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        """Without the blank ones."""
        for number, line in _lines(self.path):
            if number > self.starts_after and (row := self._row(number, line)) is not None:
                yield row

    def _row(self, number: int, line: str) -> Row | None:
        if len(line) > LONGEST_LINE:
            return _refused(number, "row", "is longer than any row can be: is a quote not closed?")
        try:
            cells = next(csv.reader([line], delimiter=self.delimiter, strict=True), [])
        except csv.Error:
            return _refused(number, "row", "has a quote that is not closed: a row must be on one line")
        if not any(cell.strip() for cell in cells):
            return None
        if len(cells) < self.width or any(cell.strip() for cell in cells[self.width :]):
            hint = f'a value with "{self.delimiter}" in it needs quotes around it'
            return _refused(number, "row", f"has {len(cells)} columns where the header has {self.width}: {hint}")
        try:
            return Row(number, columns.recording({name: cells[at] for at, name in self.header.items()}))
        except RecordingRefused as refused:
            return Row(number, None, refused.errors)


def open_csv(path: Path) -> CsvFile:
    """Look through the whole file once, so that nothing is stored of one that cannot be read. Raises `CounterError`."""
    try:
        lines = _check_encoding(path)
        for number, line in _lines(path):
            if number == 1 and _SEPARATOR_LINE.fullmatch(line.strip()):
                continue
            if line.strip():
                return _header(path, lines, number, line)
    except OSError as error:
        raise CounterError(f"{path} cannot be read: {error.strerror}") from None
    raise CounterError(f"{path} is empty: its first line must be {','.join(columns.REQUIRED)}")


def _header(path: Path, lines: int, number: int, line: str) -> CsvFile:
    if len(line) > LONGEST_LINE:
        _no_header(path)
    splits = {delimiter: _names(line, delimiter) for delimiter in (",", ";", "\t")}
    delimiter = max(splits, key=lambda candidate: len(set(splits[candidate]) & set(columns.COLUMNS)))
    names = splits[delimiter]
    if not set(names) & set(columns.COLUMNS):
        _no_header(path)
    if delimiter == "\t":
        raise CounterError(f"{path} has its columns separated by tabs: {_SAVE_AS}, with comma or semicolon")
    missing = [name for name in columns.REQUIRED if name not in names]
    if missing:
        raise CounterError(f"{path}: the first line lacks the column {', '.join(missing)}")
    notes = []
    header: dict[int, str] = {}
    for at, name in enumerate(names):
        if name in header.values():
            raise CounterError(f"{path}: the first line names the column {name} twice")
        if name in columns.COLUMNS:
            header[at] = name
        elif close := difflib.get_close_matches(name, columns.COLUMNS, 1, 0.75):
            # Left out it would be lost in silence.
            raise CounterError(f"{path}: column {at + 1} of the first line is not known: is it {close[0]}?")
        elif name:
            notes.append(f"column {at + 1} is not known and left out")
    return CsvFile(path, lines, delimiter, header, len(names), number, notes)


def _no_header(path: Path) -> NoReturn:
    # Its content is not shown: without a header the first line may be a person.
    raise CounterError(f"{path}: the first line must name the columns: {','.join(columns.REQUIRED)}")


def _names(line: str, delimiter: str) -> list[str]:
    names = [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
    while names and not names[-1]:
        names.pop()
    return names


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines; of one that is too long only the beginning, a little more than `LONGEST_LINE`."""
    with path.open(encoding="utf-8-sig", newline=None) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 2):
            number += 1
            yield number, line
            while line and not line.endswith("\n"):
                line = file.readline(LONGEST_LINE)


def _check_encoding(path: Path) -> int:
    """The number of line ends. Raises `CounterError` when it is not UTF-8 text; never shows what is in it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            if not lines and chunk.startswith(b"PK\x03\x04"):
                raise CounterError(f"{path} is a spreadsheet, not a CSV file: {_SAVE_AS}")
            if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in chunk:
                raise CounterError(f"{path} is not UTF-8 text (UTF-16, or no text at all): {_SAVE_AS}")
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                bad = lines + 1 + _count(error.object[: error.start].decode("utf-8", "replace"))
                raise CounterError(
                    f"{path} is not UTF-8: line {bad} has a letter of another encoding, probably Windows-1252 "
                    f'("ANSI"); nothing was stored: {_SAVE_AS}'
                ) from None
            lines += _count(text)
            if not chunk:
                return lines


def _count(text: str) -> int:
    return text.count("\n") or text.count("\r")


def _refused(number: int, column: str, message: str) -> Row:
    return Row(number, None, (FieldError(column, message),))
