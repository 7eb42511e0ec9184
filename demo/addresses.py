"""Where the running system is: told by the environment, the stack that is up, or one started for the demo."""

import os
from collections.abc import Callable, Iterator, Mapping
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
    def read(cls, variables: Mapping[str, str], counters: Path, env_file: Path | None = None) -> "Addresses":
        """From variables. Raises `DemoError` naming the missing ones."""
        if missing := [name for name in NAMES if not variables.get(name)]:
            raise DemoError(f"{' and '.join(missing)} must be set as well, or none of {', '.join(NAMES)}")
        enrollment, scheduling, reporting = (variables[name].rstrip("/") for name in NAMES[:3])
        kafka, token = variables[NAMES[3]], variables.get("TOKEN", "")
        return cls(enrollment, scheduling, reporting, kafka, counters, env_file, token)


@contextmanager
def running(tell: Callable[[str], None], environ: Mapping[str, str] = os.environ) -> Iterator[Addresses]:
    """The addresses of a running system. What was started for it is stopped, and its data removed, in the end.

    `tell` gets a line when a part of it ends, or is started again.
    """
    with _laptops() as counters:
        if any(environ.get(name) for name in NAMES[:3]):
            yield Addresses.read(environ, counters)
            return
        # Only here: where the addresses are given, as in a container, there is no native stack.
        from stack.home import Home, default_home

        home = Home(default_home(environ))
        if home.owner() and home.env_file.exists():
            variables = dict(line.split("=", 1) for line in home.env_file.read_text().splitlines())
            yield Addresses.read(variables, counters, home.env_file)
            return
        with _own(home.path, counters, tell) as addresses:
            yield addresses


@contextmanager
def _own(path: Path, counters: Path, tell: Callable[[str], None]) -> Iterator[Addresses]:
    from stack.home import Home
    from stack.local import LocalStack
    from stack.progress import for_people
    from stack.up import watched

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
            variables = {f"{name.upper()}_URL": url for name, url in stack.urls.items()}
            variables |= {"KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers, "TOKEN": stack.token("administrator")}
            with watched(stack, tell):
                yield replace(Addresses.read(variables, counters, home.env_file), ours=True)
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
