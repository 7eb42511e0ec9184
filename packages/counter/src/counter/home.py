"""The folder of one counter: its key, what it was set up for, enrollment's keys, the queue, and who is sending."""

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from counter.errors import Busy, NotSetUp
from counter.files import write_private
from counter.seal import Recipient

OURS: Final = frozenset(
    {"device.key", "setup.json", "keyset.json", "lock", "queue.db", "queue.db-wal", "queue.db-shm", "queue.db-journal"}
)


@dataclass(frozen=True, slots=True)
class Setup:
    """What `counter init` was told, and the campaign's clock, `live` or `replay`.

    `kafka` None: taken from KAFKA_BOOTSTRAP_SERVERS when sending. `clock` None: the home is older than the question.
    """

    campaign: str
    enrollment: str
    kind: str
    place: str
    kafka: str | None = None
    clock: str | None = None


class Home:
    """Where the files are, and reading and writing of all but the queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.device_key = folder / "device.key"
        self.setup_file = folder / "setup.json"
        self.keyset_file = folder / "keyset.json"
        self.queue_file = folder / "queue.db"

    @property
    def is_set_up(self) -> bool:
        """`setup.json` is written last: where it is, everything is."""
        return self.setup_file.exists()

    def setup(self) -> Setup:
        """What this counter was set up for. Raises `NotSetUp`."""
        if not self.is_set_up:
            raise NotSetUp(f"{self.folder} is not a counter yet: run `counter init --home {self.folder} ...` first")
        content = self._json(self.setup_file)
        values: dict[str, Any] = {field.name: content.get(field.name) for field in fields(Setup)}
        if not all(isinstance(value, str) for name, value in values.items() if name not in ("kafka", "clock")):
            raise NotSetUp(f"{self.setup_file} is damaged")
        return Setup(**values)

    def close_to_others(self) -> None:
        """0600 for the files of a counter, 0700 for its folder where it holds nothing else; whoever made them.

        The device's key is left as it is: one that others could read is refused, since they may have read it.
        """
        with suppress(OSError):  # of another user, or a file that is just replaced
            names = {path.name for path in self.folder.iterdir()}
            for name in names & OURS - {self.device_key.name}:
                _close(self.folder / name, 0o600)
            if names <= OURS:
                _close(self.folder, 0o700)

    def keep_setup(self, setup: Setup) -> None:
        """Write it; from now on the home is a counter."""
        _keep(self.setup_file, json.dumps(asdict(setup), indent=1).encode())

    def recipient(self) -> Recipient:
        """The key to seal to, as last fetched. Raises `NotSetUp`."""
        try:
            return Recipient.newest(self._json(self.keyset_file))
        except (KeyError, ValueError):
            raise NotSetUp(f"{self.keyset_file} holds no usable key of enrollment: run `counter init` again") from None

    def keep_keyset(self, keyset: Mapping[str, Any]) -> None:
        """For the days without network."""
        _keep(self.keyset_file, json.dumps(keyset).encode())

    @contextmanager
    def alone(self, doing: str) -> Iterator[None]:
        """One process at a time; the system takes the lock back when its holder dies. Raises `Busy`.

        Recording and importing need no lock: the queue numbers within its own transactions.
        """
        with (self.folder / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read(100).strip() or "another process"
                raise Busy(f"{holder} uses {self.folder} now: wait for it to end, then try again") from None
            file.truncate(0)
            file.write(f"`counter {doing}` (process {os.getpid()})")
            file.flush()
            yield

    def _json(self, path: Path) -> dict[str, Any]:
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise NotSetUp(f"{path} is missing: run `counter init` again with the same arguments") from None
        except (OSError, ValueError) as error:
            raise NotSetUp(f"{path} cannot be read ({type(error).__name__})") from None
        if not isinstance(content, dict):
            raise NotSetUp(f"{path} is damaged")
        return content


def _close(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)


def _keep(path: Path, content: bytes) -> None:
    """What is there already is not written again."""
    if not path.exists() or path.read_bytes() != content:
        write_private(path, content)
