"""`schools`: the campaign itself and the schools it goes to."""

import re
from datetime import date, datetime
from typing import Annotated, ClassVar, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints

from contracts.days import day_of, is_zone, names_a_place
from contracts.envelope import Fact
from contracts.narrowed import at_doors, no_nik
from contracts.types import Day, Flag, Kind, Label, Npsn, Regency

Clock = Literal["live", "replay"]


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("must be an IANA time zone, as Asia/Jakarta")
    return name


def _of_a_place(name: str) -> None:
    if not names_a_place(name):
        raise ValueError(
            "must be the time zone of a place, as Asia/Jakarta: a fixed offset is easily taken for its opposite, "
            "what such names call +7 lies seven hours west of Greenwich"
        )


Zone = Annotated[
    str,
    StringConstraints(max_length=64, pattern=r"^[A-Za-z]([0-9]{0,2}[A-Za-z/_+-])*[0-9]{0,2}$"),
    AfterValidator(_zone),
    at_doors(_of_a_place),
    Field(description="IANA time zone in which days are counted, as `Asia/Jakarta`."),
]
SchoolKind = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Z]{2,8}|[A-Za-z]([0-9]?[A-Za-z ./-]){1,39}[0-9]?)$"),
    at_doors(no_nik),
    Field(description="SMA, SMK, MA, SLB, PKBM, SPK SMA, … as the office writes it."),
]

KecamatanCode = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{2}\.[0-9]{2}\.[0-9]{2}$"),
    Field(description="The ministry's (Kemendagri's) code of the kecamatan, as `35.73.02`."),
]
_SPACES: Final = re.compile(r"[ \u00a0]+")
_KECAMATAN: Final = re.compile(r"(?:kec(?:amatan)?\b[. :]*)+", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ROMAN: Final = re.compile(r"[IVX]+")


def kecamatan_in_one_spelling(text: str) -> str:
    """The name of a kecamatan whatever its case, its spaces and a `Kec.` or `Kecamatan` before it: `Klojen`.

    Nothing else is changed, and no table of names is asked. A numeral stays one: `Ilir Barat II`.
    """
    trimmed = _SPACES.sub(" ", text).strip(" ")
    before = _KECAMATAN.match(trimmed)
    name = trimmed[before.end() :] if before else trimmed
    return _WORD.sub(_capitalised, name or trimmed) or text


def _capitalised(word: re.Match[str]) -> str:
    upper = word[0].upper()
    return upper if _ROMAN.fullmatch(upper) else word[0][0].upper() + word[0][1:].lower()


def group_of(npsn: str) -> str:
    """The group in which a school's persons count."""
    return f"npsn:{npsn}"


def npsn_of(group: str) -> str | None:
    """The school whose group it is; None outside schools."""
    prefix, _, npsn = group.partition(":")
    return npsn if prefix == "npsn" else None


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
        return self.campaign

    def day_of(self, instant: datetime) -> date:
        return day_of(instant, ZoneInfo(self.zone))


class SchoolListed(Fact):
    """A school that the campaign goes to."""

    type: ClassVar[str] = "jemputbola.school-listed.v1"
    aggregate: ClassVar[str] = "school"
    npsn: Npsn
    name: Label
    school_kind: SchoolKind
    ownership: Literal["public", "private"]
    kecamatan: Label
    kecamatan_code: KecamatanCode | None = None
    latitude: Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)] | None = None
    invented: Flag = False

    @property
    def subject(self) -> str:
        return self.npsn

    @property
    def group(self) -> str:
        return group_of(self.npsn)
