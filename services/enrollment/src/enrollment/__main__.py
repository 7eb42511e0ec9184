"""`python -m enrollment`: the verbs."""

from chassis.cli import service_cli
from chassis.settings import load
from enrollment.app import NAME, build, replaying
from enrollment.settings import Settings
from exactly_once.cli import Wiring, add_verbs


def wiring() -> Wiring:
    """What positions and dead letters need of this service."""
    settings = load(Settings)
    return Wiring(settings, settings.dsn, lambda pool: replaying(settings, pool))


cli = service_cli(NAME, build, Settings)
add_verbs(cli, wiring)

if __name__ == "__main__":
    cli()
