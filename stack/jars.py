"""The jars of Apache Kafka: which ones (a lock file with hashes, no addresses), and how they come here.

`python -m stack.jars lock` resolves them again with jgo; everybody else only downloads what the lock names.
"""

import fcntl
import hashlib
import os
import ssl
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from stack.errors import Cancelled, StackError, explained
from stack.home import default_cache
from stack.progress import Event, Report, silent

KAFKA = "4.3.1"
LOG4J = "2.25.4"  # what Kafka's own jars stand on; without the binding to slf4j they log nothing
LOCK = Path(__file__).with_name("kafka-jars.lock")
CENTRAL = "https://repo.maven.apache.org/maven2"
ATTEMPTS = 3


@dataclass(frozen=True)
class Jar:
    """One line of the lock file."""

    sha256: str
    size: int
    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Its place in every Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"

    def line(self) -> str:
        return f"{self.sha256} {self.size:>8} {self.group}:{self.artifact}:{self.version}"


def locked(lock: Path = LOCK) -> list[Jar]:
    jars = []
    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            sha256, size, coordinate = line.split()
            jars.append(Jar(sha256, int(size), *coordinate.split(":")))
    return jars


def fetch(
    cache: Path | None = None,
    *,
    report: Report = silent,
    jars: Sequence[Jar] | None = None,
    cancelled: threading.Event | None = None,
) -> list[Path]:
    """The paths of all jars, each equal to the lock; what is missing is downloaded."""
    folder = (cache or default_cache()) / "jars"
    wanted = locked() if jars is None else jars
    cancelled = cancelled or threading.Event()
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        missing = [jar for jar in wanted if not _already_there(folder / jar.file_name, jar)]
        if missing:
            with held(folder / "lock", cancelled):  # another checkout may be downloading the same
                missing = [jar for jar in missing if not _already_there(folder / jar.file_name, jar)]
                _Download(folder, missing, report, cancelled).run()
    return [folder / jar.file_name for jar in wanted]


@contextmanager
def held(lock: Path, cancelled: threading.Event) -> Iterator[None]:
    """One process at a time."""
    with lock.open("a") as f:
        while True:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if cancelled.wait(0.1):
                    raise Cancelled from None
        yield


def _already_there(path: Path, jar: Jar) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as f:
        actual = hashlib.file_digest(f, "sha256").hexdigest()
    if actual != jar.sha256:
        raise StackError(
            f"{path} is not the jar that was locked (sha256 {actual[:12]}…, expected {jar.sha256[:12]}…): "
            "somebody or a disk fault changed it; delete the file to have it downloaded again."
        )
    return True


class _Download:
    """Several jars at a time, each written beside its place, checked, and only then moved there."""

    def __init__(self, folder: Path, jars: Sequence[Jar], report: Report, cancelled: threading.Event) -> None:
        self._folder, self._jars, self._report, self._cancelled = folder, jars, report, cancelled
        self._repository = (os.environ.get("JB_MAVEN_REPOSITORY") or CENTRAL).rstrip("/")
        self._total = sum(jar.size for jar in jars)
        self._done = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            try:
                for _ in pool.map(self._one, self._jars):
                    pass
            except BaseException:
                self._cancelled.set()
                raise

    def _one(self, jar: Jar) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._attempt(jar)
            except urllib.error.HTTPError as e:
                if attempt == ATTEMPTS or e.code not in (408, 425, 429, 500, 502, 503, 504):
                    raise self._failure(jar, f"HTTP {e.code}") from e
            except (OSError, ValueError) as e:  # no network, no such host, cut off in the middle; no address at all
                if attempt == ATTEMPTS:
                    raise self._failure(jar, getattr(e, "reason", e)) from e
            if self._cancelled.wait(attempt):
                raise Cancelled
        return None

    def _attempt(self, jar: Jar) -> None:
        digest, size = hashlib.sha256(), 0
        part = self._folder / f"{jar.file_name}.{os.getpid()}.part"
        try:
            address = f"{self._repository}/{jar.path}"  # Maven's own, or the user's mirror
            with (
                explained(self._folder),
                urllib.request.urlopen(address, timeout=15, context=_trust()) as answer,  # noqa: S310
                part.open("wb") as f,
            ):
                while chunk := answer.read(1 << 16):
                    if self._cancelled.is_set():
                        raise Cancelled
                    digest.update(chunk)
                    f.write(chunk)
                    size += len(chunk)
                    self._advance(len(chunk))
            if size < jar.size:
                raise ConnectionError(f"cut off after {size} of {jar.size} bytes")
            if digest.hexdigest() != jar.sha256:
                raise StackError(
                    f"{jar.file_name} from {self._repository} is not the jar that was locked (sha256 "
                    f"{digest.hexdigest()[:12]}…, expected {jar.sha256[:12]}…) and was thrown away: "
                    "ask whoever runs that repository, or set JB_MAVEN_REPOSITORY to another one."
                )
            part.replace(self._folder / jar.file_name)
        except BaseException:
            self._advance(-size)
            part.unlink(missing_ok=True)
            raise

    def _advance(self, amount: int) -> None:
        with self._lock:
            self._done += amount
            self._report(Event("Kafka", "running", f"downloading {self._total >> 20} MiB", self._done, self._total))

    def _failure(self, jar: Jar, reason: object) -> StackError:
        return StackError(
            f"{jar.file_name} could not be downloaded from {self._repository} ({reason}): "
            "check the network, or set JB_MAVEN_REPOSITORY to a Maven repository that you can reach."
        )


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates, those of certifi, and those that the environment names for other tools."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if named and Path(named).is_file():
        context.load_verify_locations(named)
    return context


def resolve() -> list[Jar]:
    """Ask jgo for Kafka's jars and hash them. For maintainers: needs the network, downloads everything anew."""
    from jgo.maven import Dependency, MavenContext
    from jgo.parse import Coordinate

    with TemporaryDirectory() as folder:
        maven = MavenContext(repo_cache=Path(folder), remote_repos={"central": CENTRAL}, timeout=60)

        def dependency(group: str, artifact: str, version: str) -> Dependency:
            # raw: taken as it is. Otherwise jgo lets the managed versions of one root decide over those of the others,
            # and log4j's parent would bring kafka-clients 3.9.1.
            return maven.create_dependency(Coordinate(group, artifact, version=version, scope="compile", raw=True))

        roots, below = maven.resolver.resolve(
            [
                dependency("org.apache.kafka", "kafka_2.13", KAFKA),
                dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),
            ]
        )
        # The command line tools. What they need beyond the broker's jars is for Kafka Connect, which nobody runs here.
        tools, _ = maven.resolver.resolve([dependency("org.apache.kafka", "kafka-tools", KAFKA)], transitive=False)
        artifacts = [d.artifact for d in [*roots, *below, *tools[:1]] if d.scope in ("compile", "runtime")]
        return sorted({_hashed(a, a.resolve()) for a in artifacts}, key=lambda jar: (jar.group, jar.artifact))


def _hashed(artifact: object, path: Path) -> Jar:
    content = path.read_bytes()
    group, name, version = (str(getattr(artifact, part)) for part in ("groupId", "artifactId", "version"))
    return Jar(hashlib.sha256(content).hexdigest(), len(content), group, name, version)


def main(arguments: Sequence[str]) -> int:
    if list(arguments) != ["lock"]:
        print("usage: python -m stack.jars lock", file=sys.stderr)
        return 2
    jars = resolve()
    head = f"# The jars of Apache Kafka {KAFKA}: sha256, bytes, coordinate. Made by `python -m stack.jars lock`.\n"
    LOCK.write_text(head + "".join(jar.line() + "\n" for jar in jars))
    print(f"{LOCK}: {len(jars)} jars, {sum(jar.size for jar in jars) >> 20} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
