"""A compose project of a test's own, driven as people drive it: by `docker compose`."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from stack.ports import HOST, free_port

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final = ("enrollment", "scheduling", "reporting")
SERVERS: Final = (*SERVICES, "kafka", "postgres")
ONE_SHOTS: Final = ("secrets", "databases", "provision", *(f"{service}-migrate" for service in SERVICES))


def run(*command: str, within: float = 120, check: bool = True, env: dict[str, str] | None = None) -> str:
    """What a command printed; when it fails, the test shows what it said."""
    ended = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=within, stdin=subprocess.DEVNULL
    )
    assert ended.returncode == 0 or not check, f"{' '.join(command)}\n{ended.stdout[-8000:]}\n{ended.stderr[-8000:]}"
    return ended.stdout


@dataclass
class Project:
    """The stack under a name and on ports that nobody else uses."""

    name: str
    ports: dict[str, int]

    @classmethod
    def new(cls, name: str) -> Project:
        return cls(name, {server: free_port() for server in (*SERVICES, "kafka")})

    def url(self, service: str) -> str:
        return f"http://{HOST}:{self.ports[service]}"

    @property
    def kafka(self) -> str:
        return f"{HOST}:{self.ports['kafka']}"

    def compose(self, *arguments: str, within: float = 120, check: bool = True) -> str:
        """Runs `docker compose` with the repository's file as it is, and nothing but ports told."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSE_", "JB_"))}
        ports = {f"JB_{server.upper()}_PORT": str(port) for server, port in self.ports.items()}
        return run("docker", "compose", "-p", self.name, *arguments, within=within, check=check, env={**clean, **ports})

    def up(self, within: float = 900) -> float:
        """The documented command; answers how many seconds it took."""
        began = monotonic()
        self.compose("up", "--build", "--wait", within=within)
        return monotonic() - began

    def down(self) -> None:
        """Removes everything, the images that were built for this name too."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--rmi", "local")
        if replaced := self.ids("image"):  # by a later build
            run("docker", "image", "rm", *replaced)

    def execute(self, service: str, *command: str) -> str:
        return self.compose("exec", "-T", service, *command)

    def containers(self) -> dict[str, dict[str, Any]]:
        """By service, what the engine knows of each container, ended ones too."""
        ids = self.ids("container", "--all")
        found = json.loads(run("docker", "inspect", *ids)) if ids else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def ids(self, kind: str, *more: str) -> list[str]:
        """The engine's containers, volumes, networks or images of this project."""
        label = f"label=com.docker.compose.project={self.name}"
        return run("docker", kind, "ls", *more, "--quiet", "--filter", label).split()

    def troubles(self) -> dict[str, str]:
        """The servers that are not healthy, and how they are."""
        states = {name: one["State"] for name, one in self.containers().items()}
        health = {name: states[name].get("Health", {}).get("Status", states[name]["Status"]) for name in SERVERS}
        return {name: status for name, status in health.items() if status != "healthy"}

    def wait_until_healthy(self, within: float = 180) -> None:
        """Returns when all servers are; nobody helps them."""
        deadline = monotonic() + within
        while troubles := self.troubles():
            assert monotonic() < deadline, f"{troubles}\n{self.compose('logs', '--tail', '40', *troubles)}"
            sleep(0.5)
