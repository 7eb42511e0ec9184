"""The comparison with what was published, and how it is shown: on answers made by hand."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from demo import quotas, show
from demo.campaign import Campaign, load
from demo.figures import Difference, Figures, compare


@pytest.fixture
def campaign() -> Campaign:
    return load()


def _answer(campaign: Campaign, recorded: int) -> dict[str, Any]:
    """Coverage in which all but ten of the recorded attend the first school."""
    rows = [
        {"group": school.group, "name": school.name, "target": school.target, "recorded": 0, "coverage": 0.0}
        for school in campaign.schools
    ]
    rows[0]["recorded"] = recorded - 10
    rows.append({"group": "outside", "name": None, "target": None, "recorded": 10, "coverage": None})
    total = {
        "target": 5554,
        "recorded": recorded,
        "remaining": 5554 - recorded,
        "coverage": recorded / 5554,
        "allocated": 4586,
        "unallocated": 968,
    }
    return {"total": total, "rows": rows}


def _figures(campaign: Campaign, recorded: int) -> Figures:
    return Figures(
        then=_answer(campaign, recorded),
        now=_answer(campaign, recorded + 50),
        late={"causes": [{"change": "added", "cause": "recorded", "persons": 50}]},
        kecamatan={school.group: school.kecamatan for school in campaign.schools},
        domiciled=({"in_region": 3000}, {"in_region": 3050}),
    )


def test_the_published_figures_show_no_difference(campaign: Campaign) -> None:
    assert compare(_figures(campaign, 3355), campaign.published) == []


def test_one_person_fewer_is_two_differences(campaign: Campaign) -> None:
    assert compare(_figures(campaign, 3354), campaign.published) == [
        Difference("recorded", 3354, 3355),
        Difference("remaining", 2200, 2199),
    ]


def test_rows_that_do_not_add_up_are_a_difference(campaign: Campaign) -> None:
    found = _figures(campaign, 3355)
    found.then["rows"][0]["recorded"] -= 1
    assert compare(found, campaign.published) == [Difference("recorded of all rows", 3354, 3355)]


def test_a_school_without_a_target_is_a_difference(campaign: Campaign) -> None:
    found = _figures(campaign, 3355)
    found.then["rows"][0]["target"] = None
    names = [one.name for one in compare(found, campaign.published)]
    assert names == ["schools", "allocated of all rows"]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_what_is_shown_fits_and_says_everything(campaign: Campaign, width: int) -> None:
    text = StringIO()
    console = Console(file=text, width=width)
    found = _figures(campaign, 3354)
    show.figures(console, campaign, found, compare(found, campaign.published))
    shown = text.getvalue()
    assert max(len(line) for line in shown.splitlines()) <= width
    for school in campaign.schools:
        assert school.name in shown
    for words in (
        "3,354 (60.4 %)",
        "3,404",
        "968",
        "explained by no",
        "simulated",
        "+50",
        "answered 3354, expected 3355",
    ):
        assert words in shown


def test_shares_sum_exactly_and_keep_their_limits() -> None:
    parts = quotas.shared(100, {"a": 1.0, "b": 1.0, "c": 98.0}, {"a": 50, "b": 50, "c": 60})
    assert sum(parts.values()) == 100
    assert parts["c"] == 60
    with pytest.raises(ValueError, match="room"):
        quotas.shared(3, {"a": 1.0}, {"a": 2})
