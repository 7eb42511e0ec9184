"""What a campaign and a school must be. Pure: no I/O, no clock."""

from datetime import date, datetime
from zoneinfo import ZoneInfo, available_timezones

from contracts.schools import CampaignOpened

Fault = tuple[str, str]  # pointer into the body, and what to do


def day_in(zone: str, instant: datetime) -> date:
    """The day of an instant where the campaign is."""
    return instant.astimezone(ZoneInfo(zone)).date()


def campaign_faults(new: CampaignOpened, last: CampaignOpened | None) -> list[Fault]:
    """What is wrong with a campaign, in itself and after what it was before."""
    faults = []
    if new.zone not in available_timezones():
        faults.append(("#/zone", "must be an IANA time zone, as Asia/Jakarta"))
    if new.opens_on > new.voting_day:
        faults.append(("#/opens_on", "must not be after voting_day"))
    if last is not None and new.clock != last.clock:
        faults.append(("#/clock", "can only be chosen when the campaign is opened"))
    return faults


def judging_fields_changed(new: CampaignOpened, last: CampaignOpened) -> list[str]:
    """Which of the fields differ that submissions are judged by.

    They are fixed once a submission was: no decision is ever left behind that today's rules would not make.
    """
    return [name for name in ("zone", "opens_on", "voting_day") if getattr(new, name) != getattr(last, name)]


def repeated(names: list[str]) -> list[int]:
    """Where in a list something stands that stood there before."""
    first = {name: index for index, name in reversed(list(enumerate(names)))}
    return [index for index, name in enumerate(names) if first[name] != index]
