"""The roles of the office, and who asks: what a token says of its holder."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request

from chassis.problems import FORBIDDEN, Problem


class Role(StrEnum):
    """What a caller is to the office. The values are those of the claim `jb_roles`."""

    PUBLIC = "public"  # whoever asks, without a token too
    PRESS = "press"
    HEAD = "head"
    PRINCIPAL = "principal"
    BRANCH = "branch"
    COORDINATOR = "coordinator"
    TEAM = "team"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    ADMINISTRATOR = "administrator"
    INTEGRATOR = "integrator"
    AUDITOR = "auditor"


Roles = frozenset[Role]


def may(*roles: Role) -> Roles:
    """The roles that may use a route."""
    return frozenset(roles)


PUBLIC: Final = may(Role.PUBLIC)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `campaigns`, `schools` (NPSN): those that the grant reaches, None for all of them."""

    sub: str
    name: str
    roles: Roles
    campaigns: frozenset[str] | None = None
    schools: frozenset[str] | None = None

    def require_campaign(self, campaign: str) -> None:
        """Raises Problem(FORBIDDEN) when the grant does not reach this campaign."""
        if self.campaigns is not None and campaign not in self.campaigns:
            raise Problem(FORBIDDEN, "Your access is to other campaigns.", roles=sorted(self.roles - PUBLIC))

    def sees_school(self, npsn: str) -> bool:
        """Whether the grant reaches this school."""
        return self.schools is None or npsn in self.schools


ANYBODY: Final = Caller("", "", PUBLIC)
EVERYBODY: Final = Caller("local", "", frozenset(Role))  # of a service without an issuer, on this machine alone


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


CallerOf = Annotated[Caller, Depends(_caller)]
