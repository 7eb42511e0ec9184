"""`python -m scheduling`: the verbs."""

from chassis.cli import service_cli
from scheduling.app import NAME, build
from scheduling.settings import Settings

cli = service_cli(NAME, build, Settings)

if __name__ == "__main__":
    cli()
