"""The small programs of the images: secrets are made once and suffice, and the health check tells the truth."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from chassis.settings import MigrationSettings, ProvisionSettings, ServiceSettings, load
from compose import healthy, make_secrets
from enrollment.settings import Settings as Enrollment
from reporting.settings import Settings as Reporting
from scheduling.settings import Settings as Scheduling
from stack.ports import free_port
from stack.services import SERVICES

CONTAINERS = yaml.safe_load((Path(__file__).parents[3] / "docker-compose.yml").read_text())["services"]
SETTINGS: dict[str, type[ServiceSettings]] = {
    "enrollment": Enrollment,
    "scheduling": Scheduling,
    "reporting": Reporting,
}


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_secrets_are_made_once_and_each_is_another(tmp_path: Path) -> None:
    make_secrets.main(tmp_path)
    first = contents(tmp_path)
    make_secrets.main(tmp_path)
    assert contents(tmp_path) == first
    make_secrets.main(tmp_path / "other")
    assert not set(first.values()) & set(contents(tmp_path / "other").values())


def test_what_a_kill_left_half_made_is_made_again(tmp_path: Path) -> None:
    make_secrets.main(tmp_path)
    whole = contents(tmp_path)
    (tmp_path / "enrollment" / "enrollment_master_key").rename(tmp_path / "enrollment" / "enrollment_master_key.new")
    (tmp_path / "reporting" / "reporting_database_url").unlink()
    make_secrets.main(tmp_path)
    assert contents(tmp_path).keys() == whole.keys()
    assert contents(tmp_path)["reporting/reporting_database_url"] == whole["reporting/reporting_database_url"]


def test_every_container_finds_its_folder(tmp_path: Path) -> None:
    make_secrets.main(tmp_path)
    mounts = [mount for one in CONTAINERS.values() for mount in one.get("volumes", []) if isinstance(mount, dict)]
    assert {mount["volume"]["subpath"] for mount in mounts} == {path.name for path in tmp_path.iterdir()}
    assert all(mount["read_only"] and mount["target"] == "/run/secrets" for mount in mounts)


@pytest.mark.parametrize("name", SETTINGS)
def test_they_suffice_to_run_and_to_migrate_a_service(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_secrets.main(tmp_path)
    for container, role, read in (
        (name, name, lambda folder: load(SETTINGS[name], folder)),
        (f"{name}-migrate", f"{name}_owner", lambda folder: load(MigrationSettings, folder, prefix=f"{name}_")),
    ):
        for variable, value in CONTAINERS[container]["environment"].items():
            monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)))  # as where nothing is set
        folder = next(mount["volume"]["subpath"] for mount in CONTAINERS[container]["volumes"])
        settings = read(tmp_path / folder)
        assert settings.owner_dsn.startswith(f"postgresql://{role}:")
        assert settings.owner_dsn.endswith(f"@postgres:5432/{name}")


def test_who_prepares_is_told_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The migration has its password alone; who makes the topics, nothing."""
    for name in SETTINGS:
        (tmp_path / f"{name}-owner").mkdir()
        (tmp_path / f"{name}-owner" / f"{name}_dead_letter_key").write_text("of an earlier version")
    make_secrets.main(tmp_path)
    for name in SETTINGS:
        assert [path.name for path in (tmp_path / f"{name}-owner").iterdir()] == [f"{name}_database_url"]
    assert "volumes" not in CONTAINERS["provision"]
    for variable, value in CONTAINERS["provision"]["environment"].items():
        monkeypatch.setenv(variable, str(value))
    assert load(ProvisionSettings, tmp_path / "nothing").kafka_bootstrap_servers == "kafka:29092"


def test_they_are_those_of_the_native_stack() -> None:
    made = {f"{service}_{key}".upper() for service, keys in make_secrets.KEYS.items() for key in keys}
    assert made == {name for service in SERVICES for name in service.secrets}


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (500, 1), (404, 1)])
def test_healthy_is_who_says_that_he_is_ready(status: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(status, b'{"problems": ["kafka is away"]}') as port:
        assert healthy.main(port) == code
    assert "kafka is away" in capsys.readouterr().out


def test_without_an_answer_nobody_is_healthy() -> None:
    assert healthy.main(free_port()) == 1
