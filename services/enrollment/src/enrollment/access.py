"""Who may do what in enrollment, route by route. docs/access.md shows it for all services."""

from typing import Final

from chassis.access import PUBLIC, PerMinute, Role, Table, may

OF: Final = "/v1/campaigns/{campaign}"
CAMPAIGN: Final = may(Role.ADMINISTRATOR)
FIGURES: Final = may(
    Role.HEAD, Role.BRANCH, Role.COORDINATOR, Role.REVIEWER, Role.ADMINISTRATOR, Role.INTEGRATOR, Role.AUDITOR
)
PERSONS: Final = may(Role.REVIEWER, Role.ADMINISTRATOR)

ACCESS: Final[Table] = {
    "GET /v1/campaigns": PUBLIC,  # which there are
    f"PUT {OF}": CAMPAIGN,
    f"GET {OF}": PUBLIC,  # its dates; a counter asks for its clock
    f"PUT {OF}/schools/{{npsn}}": CAMPAIGN,
    f"POST {OF}/schools:batch": CAMPAIGN,
    f"GET {OF}/schools": FIGURES | may(Role.TEAM, Role.OPERATOR),
    f"GET {OF}/schools/{{npsn}}": FIGURES | may(Role.PRINCIPAL, Role.TEAM, Role.OPERATOR),
    f"POST {OF}/statements": CAMPAIGN,
    f"GET {OF}/statements": FIGURES,
    f"POST {OF}/targets": CAMPAIGN,
    f"GET {OF}/targets": FIGURES,
    f"GET {OF}/submissions/{{submission_id}}": PERSONS | may(Role.OPERATOR, Role.INTEGRATOR, Role.AUDITOR),
    f"GET {OF}/recordings/{{person_id}}": PERSONS | may(Role.AUDITOR),
    f"POST {OF}/recordings/{{person_id}}/void": PERSONS,
    f"POST {OF}/recordings/{{person_id}}/restore": PERSONS,
    f"POST {OF}/recordings/{{person_id}}/reattribute": PERSONS,
    "POST /v1/enrolment-codes": may(Role.ADMINISTRATOR),
    # A device has no token: it registers with a one-time code unless an administrator does, and then seals and signs.
    "POST /v1/devices": PUBLIC,
    "GET /v1/keyset": PUBLIC,
    "GET /v1/devices/{device_id}/decisions": PUBLIC,
}

RATES: Final[PerMinute] = {
    f"POST {OF}/schools:batch": 60,
    "POST /v1/devices": 300,  # a whole office's counters are set up on one morning; codes are not guessed so
    "POST /v1/enrolment-codes": 120,
}
