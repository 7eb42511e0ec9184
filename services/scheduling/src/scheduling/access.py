"""Who may do what in scheduling, route by route. docs/access.md shows it for all services."""

from typing import Final

from chassis.access import Role, Table, may

OF: Final = "/v1/campaigns/{campaign}"
PLAN: Final = may(Role.COORDINATOR, Role.ADMINISTRATOR)
SEE: Final = PLAN | may(Role.HEAD, Role.BRANCH, Role.TEAM, Role.INTEGRATOR, Role.AUDITOR)

ACCESS: Final[Table] = {
    f"PUT {OF}/sets/{{set_id}}": PLAN,
    f"GET {OF}/sets": SEE,
    # A principal sees the visits to the own schools.
    f"GET {OF}/visits": SEE | may(Role.PRINCIPAL),
    f"GET {OF}/visits/{{visit_id}}": SEE | may(Role.PRINCIPAL),
    f"POST {OF}/visits": PLAN,
    f"PATCH {OF}/visits/{{visit_id}}": PLAN,
    f"POST {OF}/visits/{{visit_id}}/cancel": PLAN,
    f"POST {OF}/visits/{{visit_id}}/complete": PLAN | may(Role.TEAM),
}
