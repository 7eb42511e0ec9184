"""`python -m reporting`: the verbs."""

from chassis.cli import service_cli
from reporting.app import MIGRATIONS, NAME, build
from reporting.settings import Settings

cli = service_cli(NAME, build, Settings, MIGRATIONS)

if __name__ == "__main__":
    cli()
