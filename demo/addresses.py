"""Where the running system is: told by the environment, the stack that is up, or one started for the demo."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from demo.errors import DemoError

NAMES: Final = ("ENROLLMENT_URL", "SCHEDULING_URL", "REPORTING_URL", "KAFKA_BOOTSTRAP_SERVERS")


@dataclass(frozen=True)
class Addresses:
    """What the demo needs to know of the system, and the folder in which its counters live."""

    enrollment: str
    scheduling: str
    reporting: str
    kafka: str
    counters: Path
    env_file: Path | None = None
    token: str = ""  # an administrator's; a system without an issuer wants none
    ours: bool = False  # started for the demo, and stopped with it

    @classmethod
    def read(cls, known: Mapping[str, str], counters: Path, env_file: Path | None = None) -> "Addresses":
        """From variables. Raises `DemoError` naming the missing ones."""
        if missing := [name for name in NAMES if not known.get(name)]:
            raise DemoError(f"{' and '.join(missing)} must be set as well, or none of {', '.join(NAMES)}")
        enrollment, scheduling, reporting = (known[name].rstrip("/") for name in NAMES[:3])
        return cls(enrollment, scheduling, reporting, known[NAMES[3]], counters, env_file, known.get("TOKEN", ""))


@contextmanager
def running(environ: Mapping[str, str] = os.environ) -> Iterator[Addresses]:
    """The addresses of a running system. What was started for it is stopped, and its data removed, in the end."""
    if any(environ.get(name) for name in NAMES[:3]):
        with _laptops() as counters:
            yield Addresses.read(environ, counters)
        return
    # Only here: where the addresses are given, as in a container, there is no native stack.
    from stack.home import Home, default_home

    home = Home(default_home(environ))
    if home.owner() and home.env_file.exists():
        known = dict(line.split("=", 1) for line in home.env_file.read_text().splitlines())
        with _laptops() as counters:
            yield Addresses.read(known, counters, home.env_file)
        return
    with _own(home.path) as addresses:
        yield addresses


@contextmanager
def _own(path: Path) -> Iterator[Addresses]:
    from stack.home import Home
    from stack.local import LocalStack
    from stack.progress import for_people

    home, mark = Home(path), path / "demo"
    if path.exists() and home.ours() and not home.owner():
        if not mark.exists() and (path / "secrets.json").exists():
            raise DemoError(f"{path} holds the data of another stack: remove it with `make down`, then try again")
        home.remove()  # of a demo that failed or was killed
    home.ensure()
    mark.touch()
    try:
        with for_people() as view:
            stack = LocalStack(path, progress=view)
            stack.start()
        try:
            known = {f"{name.upper()}_URL": url for name, url in stack.urls.items()}
            known |= {"KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers, "TOKEN": stack.token("administrator")}
            with _laptops() as counters:
                yield replace(Addresses.read(known, counters, home.env_file), ours=True)
        finally:
            stack.stop()
    except KeyboardInterrupt:
        home.remove()
        raise
    home.remove()  # kept, with its logs, when something went wrong


@contextmanager
def _laptops() -> Iterator[Path]:
    """A folder for the counters, in memory where that can be: these laptops need not survive a power cut."""
    memory = Path("/dev/shm")  # noqa: S108 - a new folder in it, for this user alone
    with TemporaryDirectory(prefix="jemput-bola-demo-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)
