"""`python -m demo [--once | --slow]`: the reference campaign, replayed into a running system and read back from it."""

import argparse
import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from time import monotonic
from typing import Final

from rich.console import Console

from demo import figures, plan, show
from demo.addresses import Addresses, running
from demo.campaign import Campaign, load
from demo.driver import Driver
from demo.errors import DemoError
from demo.model import Plan
from demo.trickle import trickle, walk_ins

INTERRUPTED: Final = 130
SLOW: Final = 3.0  # seconds a day


def main() -> int:
    """0: the published figures are met. 1: they are not, or something went wrong; a line says what."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the figures, with 0 when they are as published")
    parser.add_argument("--slow", action="store_true", help="a few minutes long, to watch the page move")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    console, campaign = Console(), load()
    try:
        with interruptible(), running(partial(show.trouble, console)) as addresses:
            show.page(console, addresses, campaign)
            pace = SLOW if options.slow else 0
            code = asyncio.run(run(addresses, campaign, console, seconds_a_day=pace, browse=not options.once))
            if not options.once:
                show.addresses(console, addresses, campaign)
                stay(console, addresses, campaign)
            return code
    except KeyboardInterrupt:
        console.print("Dihentikan / interrupted: everything was stopped.")
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, DemoError) or type(error).__module__.startswith(("stack.", "counter.")):
            print(error, file=sys.stderr)
            return 1
        raise


async def run(
    addresses: Addresses,
    campaign: Campaign,
    console: Console,
    *,
    played: Plan | None = None,
    seconds_a_day: float = 0,
    browse: bool = False,
) -> int:
    """Replays the campaign, unless the system knows it already, and shows what reporting answers.

    `browse`: opens the page where there is a desktop, once it has something to show.
    """
    played = played or plan.build(campaign)
    browser = show.Browser(console, addresses, campaign) if browse else None
    async with Driver(addresses, campaign, played) as driver:
        is_new = await driver.office.coverage(campaign.facts["voting_day"]) is None
        if is_new:
            began = monotonic()
            with show.Progress(console, len(played.submissions), browser) as progress:
                outcomes = await driver.replay(progress, seconds_a_day=seconds_a_day)
            show.replayed(console, outcomes, played, monotonic() - began)
        else:
            console.print("The campaign is there already: nothing is replayed, its figures are read back.")
            await driver.applied()
        answers = await figures.ask(driver.office, campaign.published)
    differences = figures.compare(answers, campaign.published)
    show.figures(console, campaign, answers, differences)
    if differences and not is_new:
        console.print("Was an earlier replay broken off? Then start again with an empty stack: `make down`.")
    return 1 if differences else 0


@contextmanager
def interruptible() -> Iterator[None]:
    """Lets a request to end (SIGTERM, a closed terminal) be what Ctrl-C is, wherever the program is at the time."""
    before = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for which in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(which, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def stay(console: Console, addresses: Addresses, campaign: Campaign) -> None:
    """Until Ctrl-C, with a trickle of walk-ins; a stack that was up before stays up."""
    show.staying(console, ours=addresses.ours)
    try:
        asyncio.run(_trickle(addresses, campaign))
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Selesai / done.")


async def _trickle(addresses: Addresses, campaign: Campaign) -> None:
    played = plan.build(campaign)
    async with Driver(addresses, campaign, played) as driver:
        await trickle(driver, walk_ins(campaign, played, Random()))  # noqa: S311 - invented persons


if __name__ == "__main__":
    sys.exit(main())
