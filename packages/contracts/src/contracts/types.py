"""The words that events are made of: slugs, school numbers, groups, instants, days."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

from contracts import narrowed
from contracts.days import EARLIEST, FIRST_DAY, LAST_DAY, LATEST

# No 16 digits in a row, in any field: they may be somebody's NIK, which never travels in clear.
FREE_TEXT: Final = r"^([0-9]{0,15}[^0-9\x00])*[0-9]{0,15}$"
SLUG: Final = r"^([0-9]{1,15}|[A-Za-z][0-9]{0,15})([A-Za-z._-][0-9]{0,15})*$"
NPSN: Final = r"[0-9]{8}|P[0-9]{7}"
LABEL: Final = r"([0-9]{1,15}|[a-z][0-9]{0,15})([a-z-][0-9]{0,15})*"
MOST: Final = 10**15 - 1
DAY_WITHIN: Final = f"must be a day between {FIRST_DAY} and {LAST_DAY}, as 2024-11-08"
INSTANT_WITHIN: Final = (
    f"must be RFC 3339 with offset, between {EARLIEST.date()} and {LATEST.date()}, as 2024-11-08T09:00:00+07:00"
)


@dataclass(frozen=True)
class WrittenOut:
    """Refuses numbers as instants and days: pydantic takes them for seconds since 1970. JSON is judged in Rust.

    `bounded`: also what lies beyond what a campaign can have.
    """

    format: Literal["date", "date-time"]
    bounded: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Puts the check before pydantic's own."""
        moment = self._within(handler(source)) if self.bounded else handler(source)
        begins_with_a_date = core_schema.str_schema(pattern="^[0-9]{4}-")
        return core_schema.json_or_python_schema(
            json_schema=core_schema.chain_schema([begins_with_a_date, moment]),
            python_schema=core_schema.no_info_before_validator_function(self._written_out, moment),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """As without the check."""
        return {"type": "string", "format": self.format}

    def _within(self, moment: CoreSchema) -> CoreSchema:
        if self.format == "date":
            return narrowed.between(moment, FIRST_DAY, LAST_DAY, DAY_WITHIN)
        return narrowed.between(moment, EARLIEST, LATEST, INSTANT_WITHIN)

    @staticmethod
    def _written_out(value: Any) -> Any:
        if isinstance(value, int | float) or (isinstance(value, str) and value[4:5] != "-"):
            raise ValueError("must begin with a date, as 2024-11-08")
        return value


class Whole:
    """A number that is an integer, as JSON Schema has it: 5 and 5.0, and neither true nor "5", which pydantic takes."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Puts the check before pydantic's own, in Rust."""
        number = core_schema.union_schema(
            [core_schema.int_schema(strict=True), core_schema.float_schema(strict=True, multiple_of=1)],
            mode="left_to_right",
            custom_error_type="int_type",
        )
        return core_schema.chain_schema([number, handler(source)])

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """As without the check."""
        of_the_number: dict[str, Any] = handler(schema["steps"][-1])
        return of_the_number


Campaign = Annotated[
    str, StringConstraints(max_length=63, pattern=f"^{LABEL}$"), Field(description="Slug of one voting day's drive.")
]
# P and seven digits: where equivalency pupils are taught (PKBM, SKB). Seven digits alone lost a zero in a spreadsheet.
Npsn = Annotated[
    str,
    StringConstraints(pattern=f"^({NPSN})$"),
    Field(description="National school number: 8 digits, or P and 7 digits."),
]
Group = Annotated[
    str,
    StringConstraints(max_length=71, pattern=f"^(npsn:[0-9]{{8}}|outside(:{LABEL})?|npsn:P[0-9]{{7}})$"),
    narrowed.at_doors(narrowed.no_nik),
    Field(description="Where a person counts: `npsn:<npsn>`, `outside` or `outside:<label>`."),
]
Scope = Annotated[
    str,
    StringConstraints(max_length=71, pattern=f"^(campaign|npsn:[0-9]{{8}}|outside(:{LABEL})?|npsn:P[0-9]{{7}})$"),
    narrowed.at_doors(narrowed.no_nik),
    Field(description="What a target or statement is about: `campaign` or a group."),
]
Uuid = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    Field(description="UUID in lower case."),
]
DecidedBy = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    Field(description="Who decided it: a pseudonym, the same for the same person at one service."),
]
# What others send: some systems print upper case. Whatever is published, stored or compared is a `Uuid`.
AnyUuid = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$", to_lower=True
    ),
    Field(description="UUID, read in any case as the same in lower case."),
]
Regency = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{2}\.[0-9]{2}$"), Field(description="Regency or city code, as `35.73`.")
]
# Unknown kinds are kept as text, never refused: the campaign's own list says which it expects.
Kind = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=FREE_TEXT),
    narrowed.at_doors(narrowed.one_line),
    Field(description="Kind of recording point, as `mpp`, `office`, `school_visit`, `special_event`."),
]
Cause = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,62}$"), Field(description="A word for lists.")]
Slug = Annotated[str, StringConstraints(max_length=64, pattern=SLUG), narrowed.at_doors(narrowed.no_nik)]
Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=FREE_TEXT),
    narrowed.at_doors(narrowed.one_line),
]
Text = Annotated[str, StringConstraints(max_length=2000, pattern=FREE_TEXT), narrowed.at_doors(narrowed.paragraphs)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=500, pattern=FREE_TEXT), narrowed.at_doors(narrowed.paragraphs)
]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1, description="1, 2, 3…: the highest wins."), Whole()]
Count = Annotated[int, Field(ge=0, le=2**31 - 1), Whole()]
# Strict: "yes" says nothing about a document.
Flag = Annotated[bool, Field(strict=True)]
Instant = Annotated[AwareDatetime, WrittenOut("date-time"), Field(description="RFC 3339 with offset.")]
# What a device's clock shows may be any instant: it is judged once it is certain whose it is.
DeviceInstant = Annotated[
    AwareDatetime, WrittenOut("date-time", bounded=False), Field(description="RFC 3339 with offset.")
]
Day = Annotated[date, WrittenOut("date"), Field(description="Day in the campaign's zone.")]
Split = Literal["stated", "roster", "simulated"]
