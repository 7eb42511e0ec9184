"""Which files of the product a piece of work enters: those in which a function begins while it is done."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
PRODUCT = tuple(str(ROOT / folder) + "/" for folder in ("packages", "services"))


@contextmanager
def walking() -> Iterator[set[str]]:
    """The files, from the root and without the folders `src/<name>`; also in threads that begin meanwhile."""
    entered: set[str] = set()

    def notice(frame: FrameType, event: str, _arg: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(PRODUCT):
            entered.add(path)

    files: set[str] = set()
    threading.setprofile(notice)
    sys.setprofile(notice)
    try:
        yield files
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        files |= {re.sub(r"/src/\w+/", "/", path.removeprefix(f"{ROOT}/")) for path in entered}
