"""`targets`: the office's decisions, and the statements that are evidence for them."""

from typing import ClassVar, Literal

from pydantic import Field

from contracts.envelope import Fact
from contracts.types import Count, Day, Flag, Label, Reason, Scope, Split, Text, Uuid

Measure = Literal["expected", "remaining", "recorded"]


class TargetUpdated(Fact):
    """The office's decision how many persons a scope is to bring.

    In force for a scope, asked for day D as known at K: of its decisions with `known_at` <= K and
    `effective_from` <= D the highest revision; withdrawn means none.
    """

    type: ClassVar[str] = "jemputbola.target-updated.v1"
    aggregate: ClassVar[str] = "target"
    scope: Scope
    value: Count
    effective_from: Day
    counting_from: Day | None = None
    based_on: list[Uuid] = Field(default_factory=list, max_length=1000)
    split: Split
    reason: Reason
    withdrawn: Flag = False

    @property
    def subject(self) -> str:
        return self.scope


class FigureStated(Fact):
    """A published or counted figure: evidence, dated and sourced. It changes no coverage."""

    type: ClassVar[str] = "jemputbola.figure-stated.v1"
    aggregate: ClassVar[str] = "statement"
    statement_id: Uuid
    scope: Scope
    population: Label
    measure: Measure
    value: Count
    as_of: Day
    stated_on: Day
    stated_by: Label
    source: Text
    supersedes: list[Uuid] = Field(default_factory=list, max_length=1000)
    withdrawn: Flag = False

    @property
    def subject(self) -> str:
        return self.statement_id

    @property
    def key(self) -> str:
        """Keyed by scope, as the whole topic is."""
        return self.scope
