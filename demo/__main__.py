"""`python -m demo [--once]`: the reference campaign, replayed into a running system and read back from it."""

import argparse
import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console

from demo import figures, plan, show
from demo.addresses import Addresses, running
from demo.campaign import Campaign, load
from demo.driver import Driver
from demo.errors import DemoError
from demo.model import Plan

INTERRUPTED = 130


def main() -> int:
    """0: the published figures are met. 1: they are not, or something went wrong; a line says what."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the figures, with 0 when they are as published")
    once: bool = parser.parse_args().once
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    console, campaign = Console(), load()
    began = monotonic()
    try:
        with interruptible(), running() as addresses:
            code = asyncio.run(run(addresses, campaign, console, began=began))
            if not once:
                show.addresses(console, addresses, campaign)
                stay(console, ours=addresses.ours)
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
    addresses: Addresses, campaign: Campaign, console: Console, *, began: float, played: Plan | None = None
) -> int:
    """Replays the campaign, unless the system knows it already, and shows what reporting answers."""
    played = played or plan.build(campaign)
    async with Driver(addresses, campaign, played) as driver:
        is_new = await driver.office.coverage(campaign.facts["voting_day"]) is None
        if is_new:
            with show.Progress(console, len(played.submissions)) as progress:
                outcomes = await driver.replay(progress)
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


def stay(console: Console, *, ours: bool) -> None:
    """Until Ctrl-C; a stack that was up before stays up."""
    ends = "menghentikan semuanya / stops everything" if ours else "mengakhiri ini / ends this; the stack stays up"
    console.print(f"[dim]Ctrl-C {ends}.[/]")
    try:
        while True:
            threading.Event().wait(3600)
    except KeyboardInterrupt:
        console.print("Selesai / done.")


if __name__ == "__main__":
    sys.exit(main())
