"""What a statement says. Pure: no I/O, no clock."""

from contracts.targets import FigureStated


def same(new: FigureStated, last: FigureStated) -> bool:
    """Whether two revisions say the same."""
    said_when = {"revision", "known_at"}
    return new.model_dump(exclude=said_when) == last.model_dump(exclude=said_when)
