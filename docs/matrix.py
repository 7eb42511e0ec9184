"""Writes the tables of docs/access.md from those of the services; with `--check` it compares alone."""

import sys
from importlib import import_module
from pathlib import Path

from between import put

from chassis.access import COMMON, Role, Roles, Table

PAGE = Path(__file__).with_name("access.md")
SERVICES = ("enrollment", "scheduling", "reporting")
TOKENS = [role for role in Role if role is not Role.PUBLIC]


def rows(title: str, table: Table) -> str:
    """A table: a line for each route, a column for each role."""
    head = f"### {title}\n\n| route | no token | {' | '.join(TOKENS)} |\n|---|{':-:|' * (len(TOKENS) + 1)}\n"
    return head + "".join(f"| `{route}` | {' | '.join(marks(roles))} |\n" for route, roles in table.items())


def marks(roles: Roles) -> list[str]:
    """A dot for each who may; what is public is for everybody."""
    return ["●" if role in roles or Role.PUBLIC in roles else "" for role in (Role.PUBLIC, *TOKENS)]


def matrix() -> str:
    """All of them."""
    own = {name.capitalize(): import_module(f"{name}.access").ACCESS for name in SERVICES}
    tables = {"Every service": COMMON, **own}
    return "\n".join(rows(title, table) for title, table in tables.items())


if __name__ == "__main__":
    sys.exit(put(PAGE, "matrix", matrix(), "the services' access.py say"))
