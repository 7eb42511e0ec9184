"""What stops a process: each has the exit code, and the line that says why."""


class StopError(Exception):
    """Ends the process with `exit_code`; `line` tells a person what is wrong and what to do."""

    exit_code = 1

    @property
    def line(self) -> str:
        """One line, without personal data."""
        return str(self)


class Verdict(StopError):
    """The log and the database contradict each other, or a flood of bad records came: a person must decide."""

    exit_code = 70


class Misconfigured(StopError):
    """The process cannot work in the world it was started in."""

    exit_code = 78


class Gap(Exception):
    """Records are missing between the position and what came: the log is read again from there."""


class Fenced(Exception):
    """Another owner of a partition moved its position first: nothing of this batch may be committed."""
