"""The command line of the reporting service: `python -m reporting …`."""

from collections.abc import Sequence

from exactly_once.cli import Wiring, add_verbs

from chassis.cli import service_cli
from chassis.settings import load
from exactly_once import Pool, Subscription
from reporting.app import NAME, build
from reporting.consume import subscriptions
from reporting.settings import Settings


async def replaying(_pool: Pool) -> Sequence[Subscription]:
    """The same code as `build` subscribes, for dead letters that are replayed."""
    return subscriptions()


def wiring() -> Wiring:
    """What the verbs about positions and dead letters need."""
    settings = load(Settings)
    return Wiring(settings, settings.dsn, replaying)


cli = service_cli(NAME, build, Settings)
add_verbs(cli, wiring)

if __name__ == "__main__":
    cli()
