"""Whether a process can do its work: asked by `/health/ready`, answered by its components."""

from collections.abc import Sequence
from typing import Literal, Protocol

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


class Readiness(BaseModel):
    """The body of `/health/ready`."""

    status: Literal["ready", "not ready"]
    problems: list[str]
    notices: list[str] = []


class Health:
    """The state of a process: its components' problems, and that it is stopping."""

    def __init__(self, components: Sequence[Component] = ()) -> None:
        self.components, self.verdict = list(components), ""

    def readiness(self) -> Readiness:
        """Ready when no component has a problem and nobody ordered a stop."""
        told = (f"{c.name}: {problem}" for c in self.components for problem in c.problems())
        problems = list(dict.fromkeys([self.verdict, *told] if self.verdict else told))
        notices = [f"{c.name}: {notice}" for c in self.components for notice in getattr(c, "notices", list)()]
        return Readiness(status="not ready" if problems else "ready", problems=problems, notices=notices)
