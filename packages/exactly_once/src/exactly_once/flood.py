"""Tells a few bad records, which are set aside, from a flood of them, which only a person can judge."""

from collections import deque
from collections.abc import Sequence

from exactly_once.errors import Verdict


class FloodLimit:
    """Counts the bad records among the last `window` and in a row. Nothing is counted before its batch is committed."""

    def __init__(self, window: int, limit: int, in_a_row: int) -> None:
        self._window = window
        self._limit = limit
        self._in_a_row = in_a_row
        self._seen = 0
        self._bad: deque[int] = deque()
        self._row = 0

    def check(self, count: int, bad: Sequence[int]) -> None:
        """Raises Verdict if these `count` records, with `bad` ones at these indexes, would be a flood."""
        seen, recent, row = self._seen, deque(self._bad), self._row
        previous = -1
        for index in bad:
            row = row + 1 if index == previous + 1 else 1
            previous = index
            recent.append(seen + index)
            while recent[0] <= seen + index - self._window:
                recent.popleft()
            if row >= self._in_a_row:
                raise Verdict(f"flood of bad records: {row} in a row")
            if len(recent) >= self._limit:
                raise Verdict(f"flood of bad records: {len(recent)} of the last {self._window}")

    def accept(self, count: int, bad: Sequence[int]) -> None:
        """Counts a committed batch."""
        trailing = 0
        for index in reversed(bad):
            if index != count - 1 - trailing:
                break
            trailing += 1
        self._row = self._row + trailing if trailing == count else trailing
        self._bad.extend(self._seen + index for index in bad)
        self._seen += count
        while self._bad and self._bad[0] < self._seen - self._window:
            self._bad.popleft()
