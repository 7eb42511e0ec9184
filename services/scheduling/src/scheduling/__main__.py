"""`python -m scheduling`: the verbs."""

from chassis.cli import service_cli
from scheduling.app import MIGRATIONS, NAME, build
from scheduling.settings import Settings

cli = service_cli(NAME, build, Settings, MIGRATIONS)

if __name__ == "__main__":
    cli()
