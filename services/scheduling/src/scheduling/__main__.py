"""`python -m scheduling`: the verbs."""

from collections.abc import Sequence

from chassis.cli import service_cli
from chassis.settings import load
from exactly_once import Subscription
from exactly_once.cli import Wiring, add_verbs
from exactly_once.records import Pool
from scheduling.app import NAME, SUBSCRIPTIONS, build
from scheduling.settings import Settings


def wiring() -> Wiring:
    """What positions and dead letters need of this service."""
    settings = load(Settings)

    async def subscribe(_pool: Pool) -> Sequence[Subscription]:
        return SUBSCRIPTIONS

    return Wiring(settings, settings.dsn, subscribe)


cli = service_cli(NAME, build, Settings)
add_verbs(cli, wiring)

if __name__ == "__main__":
    cli()
