"""Which files of the product a piece of work enters: those in which a function begins while it is done."""

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
def walking() -> Iterator[list[str]]:
    """The files, in the order in which they are entered first; also in threads that begin meanwhile."""
    entered: dict[str, None] = {}

    def notice(frame: FrameType, event: str, _arg: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(PRODUCT) and path not in entered:
            entered[path] = None

    files: list[str] = []
    threading.setprofile(notice)
    sys.setprofile(notice)
    try:
        yield files
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        files += [path.removeprefix(f"{ROOT}/").replace("/src/", "/", 1) for path in entered]
