"""Whether a process can do its work: asked by `/health/ready`, answered by its components."""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel


class Component(Protocol):
    """One thing that a process does until it is stopped."""

    name: str

    async def run(self) -> None:
        """Works until cancelled; returning or raising stops the process (Stop says with which exit code)."""

    def problems(self) -> list[str]:
        """What keeps it from working at the moment, for people; empty when nothing does.

        A component may also have `notices() -> list[str]`: what a person should know although it works.
        """


@runtime_checkable
class Noticing(Protocol):
    """A component that has something to tell which keeps it from nothing."""

    def notices(self) -> list[str]:
        """What a person should look at, in words."""


class Readiness(BaseModel):
    """The body of `/health/ready`. `verdict`: why work has ended while the API goes on; a person must decide."""

    status: Literal["ready", "not ready"]
    problems: list[str]
    notices: list[str] = []
    verdict: str | None = None


class Health:
    """The state of a process: its components' problems, why it is ending, and the verdict that it outlives."""

    def __init__(self, components: Sequence[Component] = ()) -> None:
        self.components, self.ending, self.verdict = list(components), "", ""

    def readiness(self) -> Readiness:
        """Ready when no component has a problem, no verdict stands and nobody ordered a stop."""
        told = (f"{c.name}: {problem}" for c in self.components for problem in c.problems())
        problems = list(dict.fromkeys([*filter(None, (self.ending, self.verdict)), *told]))
        notices = [f"{c.name}: {notice}" for c in self.components if isinstance(c, Noticing) for notice in c.notices()]
        return Readiness(
            status="not ready" if problems else "ready",
            problems=problems,
            notices=notices,
            verdict=self.verdict or None,
        )
