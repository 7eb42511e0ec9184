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
        """What keeps it from working at the moment, for people; empty when nothing does."""


@runtime_checkable
class Warns(Protocol):
    """A component that can also tell what somebody must look at although it works."""

    def warnings(self) -> list[str]:
        """For people; empty when there is nothing."""


class Readiness(BaseModel):
    """The body of `/health/ready`. Warnings make nobody unready."""

    status: Literal["ready", "not ready"]
    problems: list[str]
    warnings: list[str] = []


class Health:
    """The state of a process: its components' problems, and that it is stopping."""

    def __init__(self, components: Sequence[Component] = ()) -> None:
        self.components, self.verdict = list(components), ""

    def readiness(self) -> Readiness:
        """Ready when no component has a problem and nobody ordered a stop."""
        told = (f"{c.name}: {problem}" for c in self.components for problem in c.problems())
        problems = list(dict.fromkeys([self.verdict, *told] if self.verdict else told))
        warnings = [f"{c.name}: {warning}" for c in self.components if isinstance(c, Warns) for warning in c.warnings()]
        return Readiness(status="not ready" if problems else "ready", problems=problems, warnings=warnings)
