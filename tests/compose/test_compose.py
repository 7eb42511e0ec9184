"""What `docker compose up --build --wait` leaves: healthy, contained, without defaults; and the demo in it."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from tests.compose.project import ONE_SHOTS, SERVERS, SERVICES, Project
from tests.compose.work import Work

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1200)]

ROWS = "ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']"
FIGURES = ("5,554", "3,355 (60.4 %)", "2,199", "4,586", "968")


def test_all_are_healthy_and_what_prepares_has_ended_well(project: Project) -> None:
    found = project.containers()
    assert sorted(found) == sorted((*SERVERS, *ONE_SHOTS))
    assert {name: found[name]["State"]["ExitCode"] for name in ONE_SHOTS} == dict.fromkeys(ONE_SHOTS, 0)
    assert {found[name]["HostConfig"]["RestartPolicy"]["Name"] for name in SERVERS} == {"unless-stopped"}


def test_none_runs_as_root_or_may_become_it(project: Project) -> None:
    for name, one in project.containers().items():
        assert one["Config"]["User"] not in ("", "0", "root"), name
        assert one["HostConfig"]["CapDrop"] == ["ALL"], name
        assert not one["HostConfig"]["CapAdd"], name
        assert "no-new-privileges:true" in one["HostConfig"]["SecurityOpt"], name
    for name in SERVERS:
        status = dict(line.split(":\t") for line in project.execute(name, "cat", "/proc/self/status").splitlines())
        assert set(status["Uid"].split()).isdisjoint({"0"}), name
        assert (int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]) == (0, 0, "1"), name


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_cannot_write_anywhere(project: Project, service: str) -> None:
    places = "/ /app /app/src /opt/venv /tmp /run /run/secrets /var/tmp"
    tried = f"for place in {places}; do touch $place/x 2>/dev/null && echo $place; done; :"
    assert project.execute(service, "sh", "-c", tried) == ""


def test_nothing_is_kept_but_in_the_three_volumes(project: Project) -> None:
    mounts = [mount for one in project.containers().values() for mount in one["Mounts"]]
    kept = {mount["Name"] for mount in mounts if mount["Type"] == "volume"}
    assert kept == {f"{project.name}_{volume}" for volume in ("kafka-data", "postgres-data", "secrets")}
    assert {mount["Type"] for mount in mounts} == {"volume"}


def test_only_this_machine_reaches_it(project: Project) -> None:
    published = {
        name: {binding["HostIp"] for bindings in one["NetworkSettings"]["Ports"].values() for binding in bindings or ()}
        for name, one in project.containers().items()
    }
    assert {name: ips for name, ips in published.items() if ips} == {
        name: {"127.0.0.1"} for name in (*SERVICES, "kafka")
    }


def test_a_container_sees_its_own_secrets_alone(project: Project) -> None:
    for service in SERVICES:
        seen = project.execute(service, "ls", "/run/secrets").split()
        assert seen and all(name.startswith(f"{service}_") for name in seen)
        as_owner = project.execute(service, "sh", "-c", "cat /run/secrets/*").count("_owner")
        assert as_owner == 0, "the service could change its own schema"
    passwords = project.execute("postgres", "sh", "-c", "for f in /run/secrets/*; do cat $f; echo; done").split()
    assert len(passwords) == len(set(passwords)) == 1 + 2 * len(SERVICES)
    described = str(project.containers()) + project.compose("logs") + project.compose("config")
    assert not [password for password in passwords if password in described]


def test_a_service_reads_and_writes_rows_and_changes_no_table(project: Project) -> None:
    for service in SERVICES:
        others = (f"has_database_privilege('{one}', '{service}', 'CONNECT')" for one in SERVICES if one != service)
        answer = psql(
            project,
            service,
            f"SELECT count(*) FILTER (WHERE tableowner = '{service}_owner') > 0 FROM pg_tables",
            f"SELECT count(*) FROM pg_tables WHERE tableowner = '{service}'",
            f"SELECT has_schema_privilege('{service}', 'public', 'CREATE')",
            f"SELECT bool_and(has_table_privilege('{service}', 'exactly_once.position', x)) FROM unnest({ROWS}) AS x",
            f"SELECT has_table_privilege('{service}', 'exactly_once.position', 'TRUNCATE')",
            f"SELECT {' OR '.join(others)}",
            "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()",
        )
        assert answer == ["t", "0", "f", "t", "f", "f", "b|C.UTF-8"], service


def psql(project: Project, database: str, *queries: str) -> list[str]:
    asked = [part for query in queries for part in ("-c", query)]
    return project.execute("postgres", "psql", "-U", "postgres", "-d", database, "-XAt", *asked).split()


def test_the_demo_reaches_the_published_figures_and_finds_them_again(project: Project) -> None:
    began = monotonic()
    shown = project.compose("run", "--build", "--rm", "-T", "demo", within=900)
    print(f"\ndocker compose run --rm demo: {monotonic() - began:.1f} s")
    assert not [figure for figure in FIGURES if figure not in shown], shown
    again = project.compose("run", "--rm", "-T", "demo", within=300)
    assert not [figure for figure in FIGURES if figure not in again], again


async def test_down_and_up_again_keeps_everything(project: Project, work: Work) -> None:
    work.record(20)
    await work.send()
    await work.plan()
    await asyncio.to_thread(project.compose, "down")
    print(f"\nup again: {await asyncio.to_thread(project.up):.1f} s")
    work.record(20)
    await work.send()
    await work.is_all_shown()


async def test_up_again_mends_a_stack_of_which_parts_are_gone(project: Project, work: Work) -> None:
    work.record(20)
    await asyncio.to_thread(project.compose, "rm", "--stop", "--force", "enrollment", "kafka", "secrets", "databases")
    await asyncio.to_thread(project.up)
    await work.send()
    await work.is_all_shown()
