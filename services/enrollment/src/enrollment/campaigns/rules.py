"""What a campaign must be. Pure: no I/O, no clock."""

from contracts.schools import CampaignOpened

Fault = tuple[str, str]  # pointer into the body, and what to do


def campaign_faults(new: CampaignOpened, last: CampaignOpened | None) -> list[Fault]:
    """What is wrong with a campaign, in itself and after what it was before."""
    faults = []
    if new.opens_on > new.voting_day:
        faults.append(("#/opens_on", "must not be after voting_day"))
    if last is not None and new.clock != last.clock:
        faults.append(("#/clock", "can only be chosen when the campaign is opened"))
    return faults


def assessing_fields_changed(new: CampaignOpened, last: CampaignOpened) -> list[str]:
    """Which of the fields differ that submissions are assessed by.

    They are fixed once a submission was: no decision is ever left behind that today's rules would not make.
    """
    return [name for name in ("zone", "opens_on", "voting_day") if getattr(new, name) != getattr(last, name)]
