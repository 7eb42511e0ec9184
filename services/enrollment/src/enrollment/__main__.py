"""`python -m enrollment`: the verbs."""

from chassis.cli import service_cli
from enrollment.app import MIGRATIONS, NAME, build
from enrollment.settings import Settings

cli = service_cli(NAME, build, Settings, MIGRATIONS)

if __name__ == "__main__":
    cli()
