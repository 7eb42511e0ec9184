"""What counter tests share: enrollment's HTTP as a small real server, its private key, recordings, crashes."""

from __future__ import annotations

import json
import os
import signal
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from contracts.submissions import Identity, RecordingSubmitted, sealing_info
from counter import Counter, Outcome, Outgoing, Recording

CAMPAIGN = "malang-2024"
NOON = datetime(2024, 9, 19, 5, 0, tzinfo=UTC)
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def nik(serial: int, born: date = date(2007, 1, 31)) -> str:
    return f"357399{born:%d%m%y}{serial:04d}"


def recording(serial: int = 1, **changes: Any) -> Recording:
    values = {
        "nik": nik(serial),
        "birth_date": date(2007, 1, 31),
        "group": "npsn:20533456",
        "recorded_at": NOON + timedelta(seconds=serial),
        **changes,
    }
    return Recording(**values)


def csv_line(serial: int = 1, **changes: str) -> str:
    at = (NOON + timedelta(seconds=serial)).isoformat()
    values = {"nik": nik(serial), "birth_date": "2007-01-31", "group": "npsn:20533456", "recorded_at": at, **changes}
    return ",".join(values.values())


HEADER = "nik,birth_date,group,recorded_at"


@dataclass
class Office:
    """Enrollment as a counter sees it: devices, keys, decisions."""

    url: str = ""
    devices: dict[str, dict[str, str]] = field(default_factory=dict)
    keys: dict[str, X25519PrivateKey] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    refuse: tuple[int, dict[str, str]] | None = None
    preparing: int = 0  # so many requests are answered 503, with when to come again
    page: int = 1000
    twice: list[int] = field(default_factory=list)
    set_back: list[dict[str, Any]] = field(default_factory=list)
    clock: str = "replay"

    def new_key(self) -> str:
        kid = f"k{len(self.keys) + 1}"
        self.keys = {kid: X25519PrivateKey.generate(), **self.keys}
        return kid

    def keyset(self) -> dict[str, Any]:
        return {
            "keys": [
                {
                    "kid": kid,
                    "kty": "OKP",
                    "crv": "X25519",
                    "use": "enc",
                    "x": urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode(),
                    "created_at": "2024-09-01T00:00:00Z",
                }
                for kid, key in self.keys.items()
            ]
        }

    def open(self, value: bytes) -> Identity:
        """Open the box of a submission as enrollment would."""
        event = RecordingSubmitted.model_validate_json(value)
        box = urlsafe_b64decode(event.sealed + "=" * (-len(event.sealed) % 4))
        info = sealing_info(event.campaign, event.submission_id, event.device_id)
        return Identity.model_validate_json(SUITE.decrypt(box, self.keys[event.kid], info))

    def decide(self, submission_id: str, outcome: str, revision: int = 1, reason: str | None = None) -> None:
        decision = {
            "submission_id": submission_id,
            "device_seq": 1,
            "outcome": outcome,
            "revision": revision,
            "known_at": "2024-09-19T06:00:00Z",
        }
        self.decisions.append(decision | ({"reason": reason} if reason else {}))

    def answer(self, method: str, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        split = urlsplit(path)
        if self.refuse:
            return self.refuse
        if (method, split.path) == ("GET", f"/v1/campaigns/{CAMPAIGN}"):
            return 200, {"campaign": CAMPAIGN, "clock": self.clock}
        if (method, split.path) == ("POST", "/v1/devices"):
            there = self.devices.setdefault(body["device_id"], body)
            return (200 if there is not body else 201), body
        if (method, split.path) == ("GET", "/v1/keyset"):
            return 200, self.keyset()
        if method == "GET" and split.path.endswith("/decisions"):
            after = int(parse_qs(split.query).get("after", ["0"])[0])
            page = self.decisions[after : after + self.page]
            twice = {"numbers_twice": self.twice} if self.twice else {}
            twice |= {"clock_set_back": self.set_back} if self.set_back else {}
            return 200, {"decisions": page, "next": str(after + len(page)), **twice}
        return 404, {"title": "There is nothing here", "detail": "There is no such campaign: PUT it first."}


class Server:
    """Serves an office on a free port until closed."""

    def __init__(self, office: Office) -> None:
        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                office.requests.append(f"{self.command} {self.path}")
                status, content = office.answer(self.command, self.path, body)
                if office.preparing:
                    office.preparing -= 1
                    status, content = 503, {"title": "Not now"}
                data = json.dumps(content).encode()
                self.send_response(status)
                if status == 503 and not office.refuse:
                    self.send_header("retry-after", "1")
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = respond  # noqa: N815

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        office.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


async def new_counter(home: Path, office: Office, **options: Any) -> Counter:
    return await Counter.init(
        home, campaign=CAMPAIGN, enrollment=office.url, kind="mpp", place="MPP Merdeka", **options
    )


@dataclass
class Broker:
    """A transport that keeps what it was sent, and fails as told."""

    topic: list[Outgoing] = field(default_factory=list)
    script: list[Callable[[Sequence[Outgoing]], list[Outcome]]] = field(default_factory=list)
    attempts: int = 0

    async def send(self, records: Sequence[Outgoing]) -> list[Outcome]:
        self.attempts += 1
        if self.script:
            return self.script.pop(0)(records)
        self.topic.extend(records)
        return [Outcome("sent")] * len(records)

    async def close(self) -> None:
        return


def select(counter: Counter, sql: str, *parameters: object) -> list[Any]:
    """What the queue's file holds, asked behind its back."""
    return counter.queue._db.execute(sql, parameters).fetchall()


def values(counter: Counter) -> list[bytes]:
    return [row[0] for row in select(counter, "SELECT value FROM message ORDER BY seq")]


def numbers(counter: Counter) -> list[int]:
    return [row[0] for row in select(counter, "SELECT seq FROM message ORDER BY seq")]


def killed(work: Callable[[Callable[[], None]], None], at_step: int) -> bool:
    """Run `work` in a process of its own that dies by SIGKILL at the n-th call of the function it is given.

    False when it ended before that.
    """
    child = os.fork()
    if child == 0:
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1
            if steps == at_step:
                os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            work(step)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return False


def readable(home: Path, *canaries: str) -> list[tuple[str, str]]:
    """Which canaries can be found in which file of a folder."""
    found = []
    for file in home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for canary in canaries:
                forms = (canary.encode(), canary.encode("utf-16-le"), canary.encode("utf-16-be"), canary[::-1].encode())
                if any(form in content for form in forms):
                    found.append((canary, file.name))
    return found
