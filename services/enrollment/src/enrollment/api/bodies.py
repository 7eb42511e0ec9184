"""What commands say, as JSON. The names are those of the events."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chassis.problems import INVALID, Problem
from contracts.schools import Clock, SchoolKind, Zone
from contracts.targets import Measure
from contracts.types import (
    Campaign,
    Count,
    Day,
    Group,
    Instant,
    Kind,
    Label,
    Npsn,
    Reason,
    Regency,
    Scope,
    Slug,
    Split,
    Text,
    Uuid,
)
from enrollment.clock import is_plausible


def _plausible(instant: datetime) -> datetime:
    if not is_plausible(instant):
        raise ValueError("must be between 1970-01-02 and 2200-01-01")
    return instant


class Body(BaseModel):
    """What the body of every command to a campaign may hold. A field with an unknown name is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    known_at: Annotated[
        Annotated[Instant, AfterValidator(_plausible)] | None,
        Field(description="The instant of the decision: required in a replayed campaign, refused in a live one."),
    ] = None
    campaign: Annotated[Campaign | None, Field(description="If given, the one in the address.")] = None

    def check_address(self, **address: str) -> None:
        """What the body repeats of the address must be the same. Raises Problem."""
        wrong = [name for name, value in address.items() if getattr(self, name) not in (None, value)]
        if wrong:
            errors = [{"pointer": f"#/{name}", "detail": "must be the one in the address"} for name in wrong]
            raise Problem(INVALID, errors=errors)


class PutCampaign(Body):
    """A campaign. `clock` is chosen when it is opened and stays."""

    name: Label
    region_code: Regency
    zone: Zone
    opens_on: Day
    voting_day: Day
    clock: Clock | None = None
    kinds: Annotated[list[Kind], Field(max_length=1000)] = []


class School(BaseModel):
    """What is said of a school."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Label
    school_kind: SchoolKind
    ownership: Literal["public", "private"]
    kecamatan: Label
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    invented: bool = False


class PutSchool(Body, School):
    """A school."""

    npsn: Annotated[Npsn | None, Field(description="If given, the one in the address.")] = None


class NamedSchool(School):
    """A school among many."""

    npsn: Npsn


class PutSchools(Body):
    """Many schools: all of them or none."""

    schools: Annotated[list[NamedSchool], Field(min_length=1, max_length=1000)]


class StateFigure(Body):
    """A statement. With the id of one that exists it is its next revision."""

    statement_id: Annotated[Uuid | None, Field(description="A UUIDv7; made here when left out.")] = None
    scope: Scope
    population: Label
    measure: Measure
    value: Count
    as_of: Day
    stated_on: Day
    stated_by: Label
    source: Text
    supersedes: Annotated[list[Uuid], Field(max_length=1000)] = []
    withdrawn: bool = False


class DecideTarget(Body):
    """The office's decision for a scope: its next revision."""

    scope: Scope
    value: Count
    effective_from: Day
    counting_from: Day | None = None
    based_on: Annotated[list[Uuid], Field(max_length=1000, description="Statements that exist.")] = []
    split: Split
    reason: Reason
    withdrawn: bool = False


class Void(Body):
    """Takes a recording back: the one that counts, or another."""

    reason: Reason
    submission_id: Uuid | None = None


class Restore(Body):
    """Lets a voided recording stand again: the one that was voided last, or another."""

    reason: Reason
    submission_id: Uuid | None = None


class Reattribute(Body):
    """Says for which group the person counts, whatever the counters say, now and later."""

    reason: Reason
    group: Group


class RegisterDevice(BaseModel):
    """A counter's device."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    device_id: Slug
    campaign: Campaign
    kind: Kind
    place: Label
    public_key: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_-]{43}=?$", description="Ed25519, the raw 32 bytes in base64url.")
    ]
