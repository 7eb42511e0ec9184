"""Apache Kafka as one process: broker and controller in one (KRaft), on this machine alone."""

import os
import shutil
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from stack import jvm
from stack.errors import explained
from stack.home import default_cache
from stack.ports import HOST, check_free, free_port, listens, port_for
from stack.processes import Processes, Server
from stack.progress import Report, silent

PORT_VARIABLE = "JB_KAFKA_PORT"

# Beside addresses and folders. Everything about durability is left as Kafka has it.
SETTINGS: Mapping[str, str] = {
    "auto.create.topics.enable": "false",  # topics come from the catalogue; a misspelt name must fail
    "log.message.timestamp.type": "LogAppendTime",  # a wrong clock at a counter must not stop its producer
    # A broker that was killed is let in again when its former session is over: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}


class Kafka(Server):
    """One broker with its data in `home/kafka`."""

    name, grace = "Kafka", 60

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        cache: Path | None = None,
        program: jvm.Jvm | None = None,
        processes: Processes | None = None,
        report: Report = silent,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.home = home.resolve()
        self.folder = self.home / "kafka"
        self.port = port or port_for("Kafka", PORT_VARIABLE, environ)
        self._controller_port = free_port()
        self._settings = {**SETTINGS, **(settings or {})}
        self._cache = cache or default_cache(environ)
        self._program = program
        self._processes = processes or Processes(self.home)
        self._report = report

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        if self.alive:
            return
        program = self._prepared()
        check_free(self.port, "Kafka", PORT_VARIABLE)
        config = self._configure()
        if not self.data.exists():
            self._format(program)
        command = program.command("kafka.Kafka", config)
        self.child = self._processes.spawn("kafka", command, cwd=self.folder, env=_environment())
        # The port opens when the broker is let into its cluster, and it serves at once.
        self._processes.wait_until(lambda: listens(self.port), self.child, "starting")

    def tool(self, main_class: str, *arguments: str) -> str:
        """Run one of Kafka's own command line tools (`org.apache.kafka.tools.…`) and return what it printed."""
        command = self._prepared().command(main_class, *arguments)
        child = self._processes.spawn("kafka-tool", command, cwd=self.folder, env=_environment())
        if child.wait(120) != 0:
            raise child.failure(f"running {main_class}")
        return child.output()

    def _prepared(self) -> jvm.Jvm:
        if self._program is None:
            self._program = jvm.prepared(self._cache, self._report, self._processes, _rehearse)
        return self._program

    def _configure(self, data: Path | None = None, name: str = "server.properties") -> Path:
        nodes = {"BROKER": self.port, "CONTROLLER": self._controller_port}
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{self._controller_port}",
            "listeners": ",".join(f"{name}://{HOST}:{port}" for name, port in nodes.items()),
            "advertised.listeners": f"BROKER://{HOST}:{self.port}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(data or self.data),
            **self._settings,
        }
        with explained(self.home):
            self.folder.mkdir(parents=True, exist_ok=True)
            config = self.folder / name
            config.write_text("".join(f"{key}={_escaped(value)}\n" for key, value in properties.items()))
        return config

    def _format(self, program: jvm.Jvm) -> None:
        """Format beside its place and move it there when done: what is in place is whole."""
        half_made = self.folder / "data.new"
        with explained(self.home):
            shutil.rmtree(half_made, ignore_errors=True)
            config = self._configure(half_made, "format.properties")
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = program.command("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", config)
        self._processes.run("kafka-format", command, "formatting its storage", cwd=self.folder, env=_environment())
        half_made.replace(self.data)


def _environment() -> dict[str, str]:
    """Without the variables that change a JVM behind our back; names of files are UTF-8, as they are to Python."""
    kept = {k: v for k, v in os.environ.items() if k not in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")}
    return {**kept, "LC_ALL": "C.UTF-8"}


def _escaped(value: str) -> str:
    """As a `.properties` file has it, which is Latin-1."""
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    numbers = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return "".join(chr(number) if number < 128 else f"\\u{number:04x}" for number in numbers)


def _rehearse(recording: jvm.Jvm, scratch: Path, processes: Processes) -> None:
    """Run a broker to the point where it serves, and end it: the JVM notes which classes that took."""
    plain = recording.with_options()
    kafka = Kafka(scratch, port=free_port(), program=plain, processes=processes)
    kafka._configure()
    kafka._format(plain)
    kafka._program = recording
    kafka.start()
    kafka.stop()
