"""Who may do what: the roles, each service's table of routes, the tokens, and the guard that asks them."""

from chassis.access.guard import Access, caller_of
from chassis.access.rates import PerMinute
from chassis.access.roles import EVERYBODY, PUBLIC, Caller, CallerOf, Role, Roles, may
from chassis.access.settings import AccessSettings
from chassis.access.table import COMMON, Table

__all__ = [
    "COMMON",
    "EVERYBODY",
    "PUBLIC",
    "Access",
    "AccessSettings",
    "Caller",
    "CallerOf",
    "PerMinute",
    "Role",
    "Roles",
    "Table",
    "caller_of",
    "may",
]
