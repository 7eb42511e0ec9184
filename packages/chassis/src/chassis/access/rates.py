"""How often a caller may use a route that costs: a bucket of so many uses, which fills again within a minute."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Final

from chassis.problems import BUSY, Problem

MINUTE: Final = 60.0
REMEMBERED: Final = 10_000  # buckets; a full one need not be

# Uses a minute, by route as in a Table.
PerMinute = Mapping[str, int]

COMMON_RATES: Final[PerMinute] = {"GET /login": 60, "GET /login/callback": 60, "GET /v1/audit": 60}


class Rates:
    """The buckets of this process, one for each route and caller."""

    def __init__(self, per_minute: PerMinute, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute, self._clock = per_minute, clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, route: str, caller: str) -> None:
        """Takes one use of the caller's. Raises Problem(BUSY), which says when there is one again."""
        size = self.per_minute.get(route)
        if size is None:
            return
        now = self._clock()
        left, since = self._buckets.get((route, caller), (float(size), now))
        left = min(float(size), left + (now - since) * size / MINUTE)
        if left < 1:
            seconds = math.ceil((1 - left) * MINUTE / size)
            detail = f"At most {size} times a minute. Try again in {seconds} s."
            raise Problem(BUSY, detail, headers={"Retry-After": str(seconds)})
        if len(self._buckets) >= REMEMBERED:
            self._forget_full(now)
        self._buckets[route, caller] = left - 1, now

    def _forget_full(self, now: float) -> None:
        """Those that nobody has used for a minute; if there are none, all: better lenient than out of memory."""
        self._buckets = {key: (left, since) for key, (left, since) in self._buckets.items() if now - since < MINUTE}
        if len(self._buckets) >= REMEMBERED:
            self._buckets.clear()
