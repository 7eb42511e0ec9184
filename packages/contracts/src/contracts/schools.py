"""`schools`: the campaign itself and the schools it goes to."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from contracts.envelope import Fact
from contracts.types import Day, Flag, Kind, Label, Npsn, Regency

Clock = Literal["live", "replay"]
Zone = Annotated[
    str,
    StringConstraints(max_length=64, pattern=r"^[A-Za-z]([0-9]{0,2}[A-Za-z/_+-])*[0-9]{0,2}$"),
    Field(description="IANA time zone in which days are counted, as `Asia/Jakarta`."),
]
SchoolKind = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,8}$"), Field(description="SMA, SMK, MA, SLB, …")]


class CampaignOpened(Fact):
    """One voting day, its region, its rules and its dates."""

    type: ClassVar[str] = "jemputbola.campaign-opened.v1"
    aggregate: ClassVar[str] = "campaign"
    name: Label
    region_code: Regency
    zone: Zone
    opens_on: Day
    voting_day: Day
    clock: Clock = "live"
    kinds: list[Kind] = Field(default_factory=list, max_length=1000)

    @property
    def subject(self) -> str:
        """The campaign."""
        return self.campaign


class SchoolListed(Fact):
    """A school that the campaign goes to."""

    type: ClassVar[str] = "jemputbola.school-listed.v1"
    aggregate: ClassVar[str] = "school"
    npsn: Npsn
    name: Label
    school_kind: SchoolKind
    ownership: Literal["public", "private"]
    kecamatan: Label
    latitude: Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)] | None = None
    invented: Flag = False

    @property
    def subject(self) -> str:
        """The school."""
        return self.npsn
