"""One folder holds all state of one local stack: data, logs, secrets, process ids. One owner at a time."""

import fcntl
import json
import os
import secrets
import shlex
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from stack.errors import StackError, check_room, explained

MARK = "# The state of a local stack (see stack/home.py). `make down` stops it and removes this folder.\n*\n"
REPOSITORY = Path(__file__).resolve().parent.parent
_writing = threading.Lock()  # services are made ready side by side


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """`.local` of this checkout, or where JB_HOME says."""
    return Path(environ.get("JB_HOME") or REPOSITORY / ".local").expanduser().resolve()


def default_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """What all checkouts of this user share: the downloaded jars."""
    if given := environ.get("JB_CACHE"):
        return Path(given).expanduser().resolve()
    try:
        return Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().resolve() / "jemput-bola"
    except RuntimeError:  # neither HOME nor the system's list of users says where
        raise StackError("This user has no home folder: set JB_CACHE to where downloads shall go.") from None


class Home:
    """The folder, open for one owner between `__enter__` and `__exit__`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self.env_file = path / "stack.env"
        self._lock_file = path / "owner"
        self._secrets_file = path / "secrets.json"
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self.ensure()
        check_room(self.path)
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def ensure(self) -> None:
        """Make the folder. A mark tells it from one that JB_HOME names by mistake."""
        with explained(self.path):
            if not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir())):
                self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
                (self.path / ".gitignore").write_text(MARK)
        if not self.path.is_dir():
            raise StackError(f"{self.path} is no folder: remove it, or set JB_HOME to another place.")

    def take(self) -> None:
        for attempt in range(5):
            with explained(self.path):
                handle = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
            if self._try(handle):
                os.ftruncate(handle, 0)
                os.pwrite(handle, str(os.getpid()).encode(), 0)
                self._lock = handle
                return
            owner = os.read(handle, 20).decode()
            os.close(handle)
            threading.Event().wait(0.02 * attempt)  # somebody may only be asking who owns it
        raise StackError(
            f"A stack is already running in {self.path} (process {owner}): "
            "stop it with `make down`, or set JB_HOME to another folder."
        )

    def release(self) -> None:
        if self._lock is not None:
            for file in self.path.glob("*.env"):
                file.unlink(missing_ok=True)
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def owner(self) -> int | None:
        """The process id of the program that holds the folder now."""
        with suppress(FileNotFoundError, NotADirectoryError):
            handle = os.open(self._lock_file, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(os.read(handle, 20) or 0) or None
            finally:
                os.close(handle)
        return None

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_hex(16)) -> str:
        """A secret of this folder, made when first asked for, readable by this user alone."""
        with _writing:
            kept: dict[str, str] = json.loads(self._secrets_file.read_text()) if self._secrets_file.exists() else {}
            if name not in kept:
                kept[name] = make()
                write_private(self._secrets_file, json.dumps(kept, indent=1))
            return kept[name]

    def remove(self) -> None:
        if not self.ours():
            raise StackError(f"{self.path} was not made by a stack and is left alone: see what JB_HOME is set to.")
        with explained(self.path):
            shutil.rmtree(self.path, onerror=_unless_gone)

    def ours(self) -> bool:
        """Whether a stack made it: never touch a folder that JB_HOME names by mistake."""
        mark = self.path / ".gitignore"
        return mark.is_file() and mark.read_text() == MARK

    def _try(self, handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # `down` may have removed it between open and lock
        return self._lock_file.exists() and self._lock_file.stat().st_ino == os.fstat(handle).st_ino


def write_environment(path: Path, variables: Mapping[str, str]) -> None:
    """Write variables so that a shell reads back just these: `set -a; . FILE`."""
    write_private(path, "".join(f"{key}={shlex.quote(value)}\n" for key, value in variables.items()))


def _unless_gone(_remove: object, _path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    """Whoever held the folder may be removing it at this very moment."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)
