"""docker-compose.yml and what it is built from, read without Docker: pinned, closed to the network, without secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import kafka, postgres
from stack.services import SERVICES

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yml"
WHOLE: dict[str, Any] = yaml.safe_load(FILE.read_text())
CONTAINERS: dict[str, dict[str, Any]] = WHOLE["services"]
NAMES = [service.name for service in SERVICES]
SERVERS = [*NAMES, "kafka", "postgres"]
PULLED = {"kafka": "apache/kafka:4.3.1", "postgres": "postgres:18"}
BUILT = [name for name in CONTAINERS if name not in PULLED]


def test_only_the_two_pinned_images_are_pulled() -> None:
    assert {name: one["image"] for name, one in CONTAINERS.items() if "image" in one} == PULLED
    assert all(CONTAINERS[name]["build"]["dockerfile"] == "compose/Dockerfile" for name in BUILT)


def test_images_are_built_on_pinned_ones_and_run_as_no_root() -> None:
    dockerfile = (ROOT / "compose" / "Dockerfile").read_text()
    stages = re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[1:]
    named = dict(re.match(r"(\S+) AS (\S+)", stage).groups()[::-1] for stage in stages)  # type: ignore[union-attr]
    assert set(named.values()) - set(named) == {"python:3.11-slim-bookworm", "postgres:18"}
    users = {stage.split()[2]: re.findall(r"^USER (\S+)", stage, re.MULTILINE) for stage in stages}
    for target in {CONTAINERS[name]["build"]["target"] for name in BUILT}:
        assert (users[target] or users[named[target]])[-1] not in ("0", "root")


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_tells_its_health_and_comes_back(name: str) -> None:
    assert CONTAINERS[name]["healthcheck"]["test"][0] == "CMD"
    assert CONTAINERS[name]["restart"] == "unless-stopped"
    assert CONTAINERS[name]["stop_grace_period"] == "30s"


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_may_do_nothing_beyond_its_work(name: str) -> None:
    one = CONTAINERS[name]
    assert one["cap_drop"] == ["ALL"] and "cap_add" not in one and "privileged" not in one
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one.get("read_only", False) is (name in BUILT)
    assert all(isinstance(mount, dict) or not mount.startswith((".", "/", "~")) for mount in one.get("volumes", []))


def test_ports_are_open_to_this_machine_alone() -> None:
    published = [port for one in CONTAINERS.values() for port in one.get("ports", [])]
    assert len(published) == len(NAMES) + 1
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{JB_[A-Z]+_PORT:-\d+\}:\d+", port) for port in published)


@pytest.mark.parametrize("name", NAMES)
def test_a_service_without_an_issuer_says_why_it_is_open(name: str) -> None:
    told = CONTAINERS[name]["environment"]
    assert (told["OIDC_ISSUER"], told["OPEN_PORTS"]) == ("${OIDC_ISSUER:-}", "published-on-loopback")


@pytest.mark.parametrize("name", NAMES)
def test_the_containers_reach_a_service_by_its_name(name: str) -> None:
    hosts = CONTAINERS[name]["environment"][f"{name.upper()}_HTTP_HOSTS"]
    assert hosts.split(",") == [name, f"${{{name.upper()}_HTTP_HOSTS:-}}"]


@pytest.mark.parametrize("name", NAMES)
def test_programs_are_told_of_the_address_that_kafka_has_for_them(name: str) -> None:
    told = CONTAINERS[name]["environment"]["KAFKA_PUBLIC_SERVERS"]
    assert f"HOST://{told}" in CONTAINERS["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")


def test_there_is_no_secret_in_clear() -> None:
    text = "".join(path.read_text() for path in (FILE, *(ROOT / "compose").glob("*")) if path.is_file())
    assert not re.findall(r"postgres(?:ql)?://[^{\s]+:[^{\s]+@", text)
    for one in CONTAINERS.values():
        told = [name for name in one.get("environment", {}) if re.search("PASSWORD|SECRET|KEY|TOKEN|DATABASE", name)]
        assert all(name.endswith("_FILE") for name in told)


def test_it_is_a_plain_file_that_knows_no_stand_ins() -> None:
    assert not re.search(r"pull_policy|@sha256|compose-here|# *syntax", FILE.read_text())


def test_kafka_and_postgresql_are_set_up_as_in_the_native_stack() -> None:
    said = CONTAINERS["kafka"]["environment"]
    assert {key: str(said[f"KAFKA_{key.upper().replace('.', '_')}"]) for key in kafka.SETTINGS} == kafka.SETTINGS
    options = dict(option.removeprefix("--").split("=") for option in CONTAINERS["postgres"]["command"][1:])
    ours = {"listen_addresses", "unix_socket_directories"}
    assert options == {key: value for key, value in postgres.SETTINGS.items() if key not in ours}


def test_every_service_of_the_native_stack_is_here() -> None:
    for service in SERVICES:
        assert CONTAINERS[service.name]["command"] == ["python", "-m", service.name, "serve"]
        assert CONTAINERS[f"{service.name}-migrate"]["command"] == ["python", "-m", service.name, "migrate"]
    assert f"for service in {' '.join(NAMES)}; do" in (ROOT / "compose" / "databases.sh").read_text()


def test_roles_may_do_what_they_may_in_the_native_stack() -> None:
    def grants(text: str) -> set[str]:
        text = text.replace("{_quoted(owner)}", ':"owner"').replace("{to_service}", 'TO :"service"')
        text = text.replace("{_quoted(service)}", ':"service"').replace("{_quoted(name)}", ':"service"')
        text = text.replace("{by_owner}", 'ALTER DEFAULT PRIVILEGES FOR ROLE :"owner"')
        return set(re.findall(r'((?:ALTER SCHEMA|ALTER DEFAULT \S+ FOR|GRANT|REVOKE)\b.*?)(?:"[,)]|;)', text))

    here, there = (ROOT / "compose" / "databases.sh").read_text(), (ROOT / "stack" / "postgres.py").read_text()
    assert len(grants(here)) == 9
    assert grants(here) == {grant for grant in grants(there) if ":" in grant}


def test_the_build_tools_are_the_locked_ones() -> None:
    locked, used = ((ROOT / path).read_text() for path in ("locks/dev.txt", "compose/build.txt"))
    pins = re.findall(r"^(\S+==\S+) \\\n((?: +--hash=\S+(?: \\)?\n)+)", used, flags=re.MULTILINE)
    assert pins[0][0].startswith("hatchling==")
    assert not [name for name, hashes in pins if f"{name} \\\n{hashes}" not in locked]
