"""A tiny service in a process of its own: `python -m tests.integration.chassis.tiny_service serve`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

from pydantic_settings import SettingsConfigDict
from starlette.responses import StreamingResponse

from chassis import migrations_dir
from chassis.cli import service_cli
from chassis.db import create_pool
from chassis.http import create_app
from chassis.migrate import Source
from chassis.run import App, HttpServer
from chassis.settings import ProcessSettings
from exactly_once import Verdict

MIGRATIONS = [Source("chassis", migrations_dir())]


class Settings(ProcessSettings):
    model_config = SettingsConfigDict(env_prefix="TINY_")

    database_used: bool = True
    worker: Literal["works", "verdict", "fails", "returns", "stubborn"] = "works"


class Worker:
    name = "worker"

    def __init__(self, ends: str) -> None:
        self.ends = ends

    async def run(self) -> None:
        match self.ends:
            case "verdict":
                raise Verdict("the log was rewound")
            case "fails":
                raise ValueError("of 3573990101010001")
            case "returns":
                return
            case "stubborn":
                while True:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.Event().wait()
            case _:
                await asyncio.Event().wait()

    def problems(self) -> list[str]:
        return []


def build(settings: Settings) -> App:
    pools = (
        [create_pool(settings.dsn, name="tiny", wait=settings.database_wait_seconds)] if settings.database_used else []
    )
    app = create_app("Tiny", version="1")

    @app.get("/now")
    async def now() -> str:
        return str(await pools[0].fetchval("SELECT now()"))

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def ticks() -> AsyncIterator[str]:
            yield "data: 1\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(ticks(), media_type="text/event-stream")

    return App(
        settings=settings,
        components={
            "api": [HttpServer(app, settings.http_host, settings.http_port)],
            "worker": [Worker(settings.worker)],
        },
        migrations=MIGRATIONS,
        pools=pools,
    )


cli = service_cli("tiny", build, Settings, MIGRATIONS)

if __name__ == "__main__":
    cli()
