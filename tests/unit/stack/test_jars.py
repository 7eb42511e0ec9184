"""The jars: locked without addresses, checked whatever way they come, and one clear line when they do not."""

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import jars
from stack.errors import StackError
from stack.jars import Jar
from stack.progress import Event

CONTENT = {"one": b"first jar" * 1000, "two": b"second jar" * 2000}


def made(name: str) -> Jar:
    return Jar(hashlib.sha256(CONTENT[name]).hexdigest(), len(CONTENT[name]), "org.example", name, "1.0")


class Repository:
    """A Maven repository of two jars, with whatever is to go wrong."""

    def __init__(self) -> None:
        self.served = {f"/org/example/{name}/1.0/{name}-1.0.jar": content for name, content in CONTENT.items()}
        self.cut_off: list[str] = []  # each once
        self.asked: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.served.get(self.path)
                if content is None:
                    return self.send_error(404)
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.path in outer.cut_off:
                    outer.cut_off.remove(self.path)
                    content = content[: len(content) // 2]
                self.wfile.write(content)
                return None

            def log_message(self, *_: object) -> None:
                return None

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository()
    thread = threading.Thread(target=repository.server.serve_forever)
    thread.start()
    monkeypatch.setenv("JB_MAVEN_REPOSITORY", repository.url)
    yield repository
    repository.server.shutdown()
    thread.join()
    repository.server.server_close()


def one_line(error: pytest.ExceptionInfo[StackError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_the_lock_holds_hashes_and_no_addresses() -> None:
    text = jars.LOCK.read_text()
    assert "http" not in text and "//" not in text
    locked = jars.locked()
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in locked)
    assert len({jar.file_name for jar in locked}) == len(locked)


def test_every_jar_of_kafka_is_of_the_same_version() -> None:
    """jgo, asked carelessly, mixes kafka-clients 3.9.1 in."""
    kafka = [jar for jar in jars.locked() if jar.group == "org.apache.kafka"]
    assert {jar.artifact for jar in kafka} >= {"kafka_2.13", "kafka-clients", "kafka-server", "kafka-tools"}
    assert {jar.version for jar in kafka} == {jars.KAFKA}


def test_downloads_what_is_missing_and_tells_how_far(tmp_path: Path, repository: Repository) -> None:
    events: list[Event] = []
    wanted = [made("one"), made("two")]
    paths = jars.fetch(tmp_path, jars=wanted, report=events.append)
    assert [p.read_bytes() for p in paths] == list(CONTENT.values())
    assert events[-1].amount == events[-1].total == sum(map(len, CONTENT.values()))
    repository.asked.clear()
    assert jars.fetch(tmp_path, jars=wanted) == paths
    assert repository.asked == []


def test_a_tampered_download_is_refused_and_thrown_away(tmp_path: Path, repository: Repository) -> None:
    path = f"/{made('one').path}"
    repository.served[path] = bytes(reversed(repository.served[path]))
    with pytest.raises(StackError) as error:
        jars.fetch(tmp_path, jars=[made("one")])
    assert "one-1.0.jar" in one_line(error) and "is not the jar that was locked" in one_line(error)
    assert [f.name for f in (tmp_path / "jars").iterdir()] == ["lock"]


def test_a_jar_that_was_changed_later_is_refused(tmp_path: Path, repository: Repository) -> None:
    (path,) = jars.fetch(tmp_path, jars=[made("one")])
    path.write_bytes(CONTENT["one"] + b"!")
    with pytest.raises(StackError) as error:
        jars.fetch(tmp_path, jars=[made("one")])
    assert str(path) in one_line(error) and "delete the file" in one_line(error)


def test_a_download_that_breaks_off_is_tried_again(tmp_path: Path, repository: Repository) -> None:
    repository.cut_off.append(f"/{made('one').path}")
    (path,) = jars.fetch(tmp_path, jars=[made("one")])
    assert path.read_bytes() == CONTENT["one"]
    assert len(repository.asked) == 2


def test_a_jar_that_is_not_there_is_named(tmp_path: Path, repository: Repository) -> None:
    repository.served.clear()
    with pytest.raises(StackError) as error:
        jars.fetch(tmp_path, jars=[made("one")])
    assert "one-1.0.jar" in one_line(error) and "HTTP 404" in one_line(error)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no-such-host.invalid", "no address"])
def test_offline_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("JB_MAVEN_REPOSITORY", address)
    monkeypatch.setattr(jars, "ATTEMPTS", 1)
    with pytest.raises(StackError) as error:
        jars.fetch(tmp_path, jars=[made("one")])
    assert address in one_line(error) and "check the network, or set JB_MAVEN_REPOSITORY" in one_line(error)
