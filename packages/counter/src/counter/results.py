"""What became of a file's rows: counts, the reasons, and a file for all of them."""

import csv
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from counter.errors import CounterError
from counter.kept import RowResult

WORDS: Final = {
    "stored": "tersimpan / stored",
    "already stored": "sudah tersimpan / already stored",
    "refused": "ditolak / refused",
}


class Results:
    """Adds up row results. What it writes is on disk in the queue already, so it is true after a crash too."""

    def __init__(self, file: IO[str] | None) -> None:
        self._file = file
        self._writer = csv.writer(file) if file else None
        self._tally: Tally[str] = Tally()
        self.reasons: Tally[str] = Tally()
        if self._writer:
            self._writer.writerow(["row", "submission_id", "result", "message"])

    @classmethod
    @contextmanager
    def to(cls, path: Path | None, source: Path) -> Iterator["Results"]:
        """Results that also go to a file. Raises `CounterError` when it would be the import file itself."""
        if path is None:
            yield cls(None)
            return
        if path.exists() and path.samefile(source):
            raise CounterError("--results is the import file itself: give it another name")
        with path.open("w", encoding="utf-8", newline="") as file:
            yield cls(file)

    @property
    def refused(self) -> int:
        return self._tally["refused"]

    def add(self, result: RowResult) -> None:
        self._tally[result.result] += 1
        if self._writer and self._file:
            self._writer.writerow([result.number, result.submission_id or "", result.result, result.message])
            self._file.flush()
        if result.message:
            self.reasons[result.message] += 1

    def counts(self) -> list[tuple[str, int]]:
        """How many rows had which result, with the words for it."""
        return [(words, self._tally[result]) for result, words in WORDS.items()]
