"""The Kafka and PostgreSQL of one run of the suite: started when the first worker asks, shared by all of them.

The process that leads the run owns them (pytest itself, or xdist's controller): a worker that crashes leaves none
running, and when the leader is killed, the kernel ends them (stack/processes.py).
"""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from stack import SERVICES, Kafka, Postgres
from stack.ports import HOST
from stack.processes import Processes

ADDRESS, KEY = "JB_TEST_SERVERS", "JB_TEST_SERVERS_KEY"


@dataclass(frozen=True)
class Servers:
    """What a test is given: the addresses, and databases of its own."""

    home: Path
    kafka_port: int
    postgres_port: int

    @cached_property
    def kafka(self) -> Kafka:
        return Kafka(self.home, port=self.kafka_port)

    @cached_property
    def postgres(self) -> Postgres:
        return Postgres(self.home, port=self.postgres_port)

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap_servers


class Leader:
    """Waits for the first question, starts the servers, and tells every worker where they are."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="jb-servers-")))
        key = secrets.token_hex(16)
        self._listener = Listener((HOST, 0), backlog=64, authkey=key.encode())
        self._started: Servers | None = None
        os.environ.update({ADDRESS: str(self._listener.address[1]), KEY: key})
        self._thread = threading.Thread(target=self._answer, name="servers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with suppress(OSError), _asking() as asking:
            asking.send("end")
        self._thread.join()
        self._listener.close()
        self._open.close()

    def _answer(self) -> None:
        while True:
            with suppress(OSError, EOFError), self._listener.accept() as asking:  # a worker may be killed while it asks
                if asking.recv() == "end":
                    return
                try:
                    self._started = self._started or self._start()
                    asking.send(self._started)
                except Exception as e:
                    asking.send(RuntimeError(f"{type(e).__name__}: {e}"))

    def _start(self) -> Servers:
        home = self._folder / "state"
        processes = Processes(home)
        self._open.callback(processes.stop_all)
        # Members of a group that were killed are noticed after 1.5 s, not 6: the fault tests kill many.
        kafka = Kafka(home, processes=processes, settings={"group.min.session.timeout.ms": "1000"})
        # A power cut is nothing that a test of a shared server can survive: its data need not reach the disk.
        postgres = Postgres(home, processes=processes, settings={"fsync": "off"})
        with ThreadPoolExecutor() as pool:
            for server in [pool.submit(kafka.start), pool.submit(postgres.start)]:
                server.result()
        for service in ("test", *(service.name for service in SERVICES)):
            postgres.create_service_database(service)  # makes its roles: workers only read their passwords
        return Servers(home, kafka.port, postgres.port)


def servers() -> Servers:
    """Those of this run; the first to ask waits until they are started."""
    with _asking() as asking:
        asking.send("where")
        answer = asking.recv()
    if isinstance(answer, Exception):
        raise answer
    assert isinstance(answer, Servers)
    return answer


def _asking() -> Connection:
    return Client((HOST, int(os.environ[ADDRESS])), authkey=os.environ[KEY].encode())
