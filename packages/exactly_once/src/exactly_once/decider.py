"""Who decides what is being done: set around a command, and written into every fact that it appends."""

from contextvars import ContextVar
from typing import Final, TypeVar

from contracts.envelope import Fact

F = TypeVar("F", bound=Fact)

# A pseudonym, never a name; None while records are applied, which nobody decides.
DECIDED_BY: Final[ContextVar[str | None]] = ContextVar("decided_by", default=None)


def with_decider(fact: F) -> F:
    """The fact, which says who decided it."""
    decided_by = DECIDED_BY.get()
    return fact if decided_by is None else fact.model_copy(update={"decided_by": decided_by})
