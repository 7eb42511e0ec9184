"""What commands say, as JSON. The names are those of the events."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from chassis.bodies import Command, Revised
from contracts.schools import Clock, SchoolKind, Zone
from contracts.targets import Measure
from contracts.types import (
    AnyUuid,
    Campaign,
    Count,
    Day,
    Flag,
    Group,
    Kind,
    Label,
    Npsn,
    Reason,
    Regency,
    Scope,
    Slug,
    Split,
    Text,
)


class PutCampaign(Revised):
    """A campaign. `clock` is chosen when it is opened and stays."""

    name: Label
    region_code: Regency
    zone: Zone
    opens_on: Day
    voting_day: Day
    clock: Clock | None = None
    kinds: list[Kind] = Field(default_factory=list, max_length=1000)


class School(BaseModel):
    """What is said of a school."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Label
    school_kind: SchoolKind
    ownership: Literal["public", "private"]
    kecamatan: Label
    latitude: Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)] | None = None
    invented: Flag = False


class PutSchool(Revised, School):
    """A school."""

    npsn: Annotated[Npsn | None, Field(description="If given, the one in the address.")] = None


class NamedSchool(School):
    """A school among many."""

    npsn: Npsn


class PutSchools(Command):
    """Many schools: all of them or none."""

    schools: Annotated[list[NamedSchool], Field(min_length=1, max_length=1000)]


class StateFigure(Revised):
    """A statement. With the id of one that exists it is its next revision."""

    statement_id: Annotated[AnyUuid | None, Field(description="A UUIDv7; made here when left out.")] = None
    scope: Scope
    population: Label
    measure: Measure
    value: Count
    as_of: Day
    stated_on: Day
    stated_by: Label
    source: Text
    supersedes: list[AnyUuid] = Field(default_factory=list, max_length=1000)
    withdrawn: Flag = False


class DecideTarget(Revised):
    """The office's decision for a scope: its next revision."""

    scope: Scope
    value: Count
    effective_from: Day
    counting_from: Day | None = None
    based_on: list[AnyUuid] = Field(default_factory=list, max_length=1000, description="Statements that exist.")
    split: Split
    reason: Reason
    withdrawn: Flag = False


class Void(Revised):
    """Takes a recording back: the one that counts, or another."""

    reason: Reason
    submission_id: AnyUuid | None = None


class Restore(Revised):
    """Lets a voided recording stand again: the one that was voided last, or another."""

    reason: Reason
    submission_id: AnyUuid | None = None


class Reattribute(Revised):
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
