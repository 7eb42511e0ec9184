"""The words that events are made of: slugs, school numbers, groups, instants, days."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

Campaign = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"), Field(description="Slug of one voting day's drive.")
]
Npsn = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$"), Field(description="National school number, 8 digits.")]
Group = Annotated[
    str,
    StringConstraints(pattern=r"^(npsn:[0-9]{8}|outside(:[a-z0-9][a-z0-9-]{0,62})?)$"),
    Field(description="Where a person counts: `npsn:<npsn>`, `outside` or `outside:<label>`."),
]
Scope = Annotated[
    str,
    StringConstraints(pattern=r"^(campaign|npsn:[0-9]{8}|outside(:[a-z0-9][a-z0-9-]{0,62})?)$"),
    Field(description="What a target or statement is about: `campaign` or a group."),
]
Uuid = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    Field(description="UUID in lower case."),
]
Regency = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{2}\.[0-9]{2}$"), Field(description="Regency or city code, as `35.73`.")
]
# Unknown kinds are kept as text, never refused: the campaign's own list says which it expects.
Kind = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$"), Field(description="Kind of recording point.")
]
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Text = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1, description="1, 2, 3…: the highest wins.")]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Instant = Annotated[AwareDatetime, Field(description="RFC 3339 with offset.")]
Day = Annotated[date, Field(description="Day in the campaign's zone.")]
Split = Literal["stated", "roster", "simulated"]
