"""The local issuer as a process of its own: tokens of every role, other keys, and how often its keys were fetched."""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from pathlib import Path
from typing import Any

from stack import issuer
from stack.home import REPOSITORY
from stack.ports import HOST, free_port
from stack.processes import Child, Processes, stop


class LocalIssuer:
    """On the same port through `stop` and `start`; `keys` are those that it shows, and the first signs."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._processes = folder, Processes(folder)
        self._port = free_port()
        self.url = f"http://{HOST}:{self._port}"
        self.keys = [issuer.new_key()]
        self._child: Child | None = None

    def start(self) -> None:
        env = {"JB_ISSUER_KEYS": json.dumps(self.keys), "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-m", "stack.issuer", str(self._port)]
        self._child = self._processes.spawn("issuer", command, cwd=self._folder, env=env)
        self._processes.wait_until(self._answers, self._child, "getting ready")

    def stop(self) -> None:
        if self._child:
            stop([self._child])

    def restart(self, *keys: str) -> None:
        self.stop()
        self.keys = list(keys)
        self.start()

    def token(self, role: str, *, key: str | None = None, seconds: int = 600, **claims: Any) -> str:
        audience = claims.pop("audience", issuer.AUDIENCE)
        said = issuer.user(role) | claims
        return issuer.signed(key or self.keys[0], self.url, said, seconds=seconds, audience=audience)

    def bearer(self, role: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(role, **claims)}"}

    def fetched(self) -> int:
        """How often its keys were asked for since it was started last."""
        assert self._child is not None
        return len(re.findall(r'"GET /jwks ', self._child.output()))

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/.well-known/openid-configuration", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
