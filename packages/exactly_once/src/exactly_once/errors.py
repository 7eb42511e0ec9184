"""What stops a process: each carries the exit code, and its text is the line that says why."""


class Verdict(Exception):
    """The log and the database contradict each other, or a flood of bad records came: a person must decide."""

    exit_code = 70


class Misconfigured(Exception):
    """The process cannot work in the world it was started in."""

    exit_code = 78


class Fenced(Exception):
    """Another owner of a partition moved its position first: nothing of this batch may be committed."""
