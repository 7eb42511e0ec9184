"""How a process ends: its exit codes, and the exception that carries one with the line that says why."""

from typing import Final

FAILED: Final = 1
VERDICT: Final = 70
CONFIGURATION: Final = 78


class Stop(Exception):
    """Ends the process in good order with `exit_code`, after printing `line` (one line, no secrets) on stderr.

    Packages that may not import the chassis raise an exception of their own with this `exit_code` and the line as text.
    """

    def __init__(self, exit_code: int, line: str) -> None:
        super().__init__(line)
        self.exit_code = exit_code
        self.line = line


def as_stop(error: BaseException) -> Stop | None:
    """The order to stop that an exception carries, if it carries one."""
    if isinstance(error, Stop):
        return error
    code = getattr(error, "exit_code", None)
    return Stop(code, str(error)) if code in (VERDICT, CONFIGURATION) else None
