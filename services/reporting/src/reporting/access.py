"""Who may do what in reporting, route by route. docs/access.md shows it for all services."""

from typing import Final

from chassis.access import PUBLIC, PerMinute, Role, Table, may

OF: Final = "/v1/campaigns/{campaign}"
FIGURES: Final = may(
    Role.HEAD, Role.BRANCH, Role.COORDINATOR, Role.REVIEWER, Role.ADMINISTRATOR, Role.INTEGRATOR, Role.AUDITOR
)

ACCESS: Final[Table] = {
    "GET /v1/campaigns": PUBLIC,  # which there are
    f"GET {OF}/coverage": PUBLIC,
    f"GET {OF}/coverage.csv": PUBLIC,
    f"GET {OF}/late": FIGURES,
    f"GET {OF}/schools": FIGURES,
    f"GET {OF}/schools/{{npsn}}": FIGURES | may(Role.PRINCIPAL),
    f"GET {OF}/schools/{{npsn}}/days": FIGURES | may(Role.PRINCIPAL),
    f"GET {OF}/targets": FIGURES,
    f"GET {OF}/statements": FIGURES,
    f"GET {OF}/visits": FIGURES | may(Role.TEAM),
    f"GET {OF}/stream": FIGURES,
    "GET /": PUBLIC,
    "GET /campaigns/{campaign}": PUBLIC,
    "GET /campaigns/{campaign}/live": PUBLIC,
    "GET /static": PUBLIC,
}

# What costs more than a look. A page asks once, and is then told.
RATES: Final[PerMinute] = {
    f"GET {OF}/coverage": 3000,
    f"GET {OF}/late": 120,
    f"GET {OF}/stream": 300,
    "GET /campaigns/{campaign}": 600,
    "GET /campaigns/{campaign}/live": 600,
}
