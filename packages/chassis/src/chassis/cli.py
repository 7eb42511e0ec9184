"""The command line that every service has: processes, migrations, and the verbs for whoever runs it."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog
import typer
from typer.core import TyperGroup

from chassis import logging, migrate, verbs
from chassis.access.settings import require_closed
from chassis.http import create_app
from chassis.migrate import Source
from chassis.run import ROLES, App, HttpServer, Role, supervise
from chassis.settings import MigrationSettings, ProcessSettings, ServiceSettings, load
from exactly_once.errors import CONFIGURATION, FAILED, OUTAGE, Stop

log = structlog.get_logger(__name__)

S = TypeVar("S", bound=ProcessSettings)


class OneLine(TyperGroup):
    """Turns whatever a verb raises into one line on stderr and an exit code; sub-apps' verbs too."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if not isinstance(error, Stop) and hasattr(error, "exit_code"):
                raise  # typer's own: usage errors
            line, code = _ending(error)
            for each in line.splitlines():
                typer.echo(f"{self.name or ctx.info_name}: {logging.mask(each)}", err=True)
            raise typer.Exit(code) from None


def _ending(error: Exception) -> tuple[str, int]:
    """What a person is told, and the exit code."""
    if isinstance(error, Stop):
        return str(error), error.exit_code
    if isinstance(error, OUTAGE):
        return f"the database or the broker does not answer: {type(error).__name__}", CONFIGURATION
    log.error("failed", exc_info=error)
    return f"failed: {type(error).__name__}, the log says more", FAILED


def service_cli(
    name: str, build: Callable[[S], App], settings_class: type[S], migrations: Sequence[Source]
) -> typer.Typer:
    """The verbs of a service. `build` is called inside the event loop; it connects nothing, `App` does."""
    cli = typer.Typer(
        name=name, cls=OneLine, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
    )

    def run(roles: Sequence[Role]) -> None:
        settings = load(settings_class)
        logging.configure(settings, name)
        if "worker" in roles:
            gc.set_threshold(50_000, 20, 100)  # saves a worker 4 of 23 µs an event
        raise typer.Exit(asyncio.run(_run(name, build, settings, roles)))

    @cli.command()
    def serve() -> None:
        """Everything in one process: API, worker and relay."""
        run(ROLES)

    @cli.command()
    def api() -> None:
        """The HTTP API alone."""
        run(["api"])

    @cli.command()
    def worker() -> None:
        """What reads the topics, with health and metrics over HTTP."""
        run(["worker"])

    @cli.command()
    def relay() -> None:
        """What publishes to the topics, with health and metrics over HTTP."""
        run(["relay"])

    @cli.command("migrate")
    def migrate_() -> None:
        """Brings the database up to date, as its owner."""
        settings = load(MigrationSettings, prefix=str(settings_class.model_config["env_prefix"]))
        logging.configure(settings, name)
        done = asyncio.run(migrate.migrate(settings.owner_dsn, migrations, wait=settings.database_wait_seconds))
        typer.echo(f"{name}: {len(done)} migrations applied" if done else f"{name}: the database is up to date")

    if issubclass(settings_class, ServiceSettings):
        verbs.add(cli, build, settings_class)
    return cli


async def _run(name: str, build: Callable[[S], App], settings: S, roles: Sequence[Role]) -> int:
    if isinstance(settings, ServiceSettings):
        require_closed(settings, settings.http_host, f"{settings.model_config['env_prefix']}HTTP_HOST")
    async with build(settings) as app:
        for pool in app.pools[:1]:
            await migrate.require(pool, app.migrations, name)
        components = app.of(roles)
        if not any(isinstance(component, HttpServer) for component in components):
            health = create_app(name, version="", registry=app.registry, access=app.access, hosts=settings.hosts)
            components.append(HttpServer(health, settings.http_host, settings.http_port))
        return await supervise(components, service=name, serves="api" in roles, grace=settings.stop_seconds)
