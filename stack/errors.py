"""What a person is told when the stack cannot start: one line, with what to do."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A fresh PostgreSQL and Kafka take 120 MiB; below this they fail in the middle of a write.
ROOM_NEEDED = 400 << 20


DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
# A folder is to be made where there can be none, as below a HOME that does not exist.
NO_PLACE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


class StackError(Exception):
    """One line: what is wrong, and what to do about it."""


class Cancelled(StackError):
    """The start was called off."""

    def __init__(self) -> None:
        super().__init__("The start was interrupted.")


def disk_full(place: Path) -> StackError:
    """The same line wherever a full disk shows itself first."""
    return StackError(
        f"The disk of {place} is full ({shutil.disk_usage(place).free >> 20} MiB free, {ROOM_NEEDED >> 20} wanted): "
        "free some space, or set JB_HOME (data) or JB_CACHE (downloads) to a folder on another disk."
    )


def check_room(place: Path, needed: int = ROOM_NEEDED) -> None:
    """Refuse to start on a disk that would be full in the middle of the first write."""
    if shutil.disk_usage(place).free < needed:
        raise disk_full(place)


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Turn what the operating system says of a folder into a line for a person."""
    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(place) from e
        no_place = e.errno in NO_PLACE and e.filename and place.is_relative_to(e.filename)
        if e.errno in DENIED or no_place:
            raise StackError(
                f"{e.filename or place} cannot be written ({e.strerror}): give the folder to this user, "
                "or set JB_HOME (data) or JB_CACHE (downloads) to another one."
            ) from e
        raise
