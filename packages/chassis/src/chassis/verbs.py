"""The verbs for whoever runs a service: positions, dead letters, topics."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any, Final

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from chassis import audit
from chassis.logging import mask
from chassis.run import App
from chassis.settings import ProvisionSettings, load
from contracts.topics import CATALOGUE
from exactly_once import DeadLetters, flood, own_topics, position
from exactly_once.dead_letters import DeadLetter
from exactly_once.errors import Absent, Misconfigured
from exactly_once.log import Log
from exactly_once.position import Partition
from exactly_once.provision import provision
from exactly_once.records import Connection
from exactly_once.set_aside import forget_overflow

Why = Annotated[str, typer.Option("--reason", help="Why, for those who come after.", show_default=False)]
# Through a pipe nothing is cut off at some column: a program reads it.
console: Final = Console(width=None if sys.stdout.isatty() else 1000)


def add(cli: typer.Typer, build: Callable[[Any], App], settings_class: type[Any]) -> None:
    """Adds `position`, `audit`, `dead-letters`, `own-topics` and `provision` to a service's command line."""
    service = _Service(build, settings_class)
    cli.add_typer(_positions(service), name="position", help="How far each partition is; going on after a verdict.")
    cli.command("audit")(_audit(service))
    cli.add_typer(_dead_letters(service), name="dead-letters", help="Bad records: list, show, replay, discard.")
    cli.add_typer(_own_topics(service), name="own-topics", help="Records that the service does not know to be its own.")

    @cli.command("provision")
    def provision_topics() -> None:
        """Make every topic of the catalogue exist as it says, and read it back."""
        for line in asyncio.run(provision(load(ProvisionSettings), CATALOGUE)):
            console.print(line)


def _audit(service: "_Service") -> Callable[[], None]:
    def audit_() -> None:
        """Check that the audit trail is what was written, entry by entry; exits 1 with the first that is not."""

        async def work() -> tuple[int | None, int, str]:
            async with service.connection() as tx, tx.transaction(isolation="repeatable_read"):
                newest = await tx.fetchrow("SELECT seq, hash FROM chassis.audit ORDER BY seq DESC LIMIT 1")
                entries, digest = (0, "-") if newest is None else (newest["seq"], newest["hash"].hex())
                return await audit.broken_at(tx), entries, digest

        broken, entries, digest = asyncio.run(work())
        if broken is not None:
            console.print(f"Entry {broken} is not what was written: it was changed, or one before it is gone.")
            raise typer.Exit(1)
        console.print(f"{entries} entries, all as they were written; the newest has the hash {digest}.")

    return audit_


class _Service:
    """What the verbs need of a service; its settings are read when a verb runs."""

    def __init__(self, build: Callable[[Any], App], settings_class: type[Any]) -> None:
        self._build, self._settings_class = build, settings_class

    @property
    def settings(self) -> Any:
        return load(self._settings_class)

    @property
    def letters(self) -> DeadLetters:
        return DeadLetters(self.settings.dead_letter_key.get_secret_value(), self.settings.topic_prefix)

    @property
    def log(self) -> Log:
        return Log(self.settings.kafka_bootstrap_servers, self.settings.topic_prefix)

    def app(self) -> App:
        """The service itself. To be called inside the event loop."""
        return self._build(self.settings)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        connection = await asyncpg.connect(self.settings.dsn, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()

    async def offset(self, tx: Connection, partition: Partition, wanted: str, option: str) -> int:
        """begin, end or a number, within the log of a partition that this service reads. Raises Misconfigured."""
        query = "SELECT EXISTS (SELECT FROM exactly_once.position WHERE topic = $1 AND partition = $2)"
        if not await tx.fetchval(query, *partition):
            raise Misconfigured(f"this service has never read {partition[0]}/{partition[1]}: see position list")
        async with self.log as log:
            begin, end = (await log.bounds([partition]))[partition]
        offset = {"begin": begin, "end": end}.get(wanted, int(wanted) if wanted.isdigit() else -1)
        if not begin <= offset <= end:
            raise Misconfigured(f"{option} is begin, end, or an offset from {begin} to {end}")
        return offset


def _positions(service: _Service) -> typer.Typer:
    verbs = typer.Typer(no_args_is_help=True)

    @verbs.command("list")
    def list_positions() -> None:
        """Show each partition's position, beside begin and end of the log."""

        async def work() -> None:
            async with service.connection() as tx, service.log as log:
                rows = await tx.fetch(
                    "SELECT topic, partition, next_offset FROM exactly_once.position ORDER BY topic, partition"
                )
                bounds = await log.bounds([(row["topic"], row["partition"]) for row in rows])
            table = Table("topic", "partition", "position", "log begin", "log end", "lag")
            for topic, partition, at in rows:
                begin, end = bounds[topic, partition]
                table.add_row(topic, *map(str, (partition, at, begin, end, end - at)))
            console.print(table)

        asyncio.run(work())

    @verbs.command()
    def accept(
        topic: str,
        partition: int,
        why: Why,
        start: Annotated[str, typer.Option("--from", help="begin, end, or an offset.", show_default=False)],
    ) -> None:
        """Go on from another offset after the position guard stopped the service."""

        async def work() -> None:
            async with service.connection() as tx:
                to = await service.offset(tx, (topic, partition), start, "--from")
                async with tx.transaction():
                    await position.decide(tx, topic, partition, to, why)
            console.print(f"{topic}/{partition} goes on from {to}.")

        asyncio.run(work())

    return verbs


def _dead_letters(service: _Service) -> typer.Typer:
    verbs = typer.Typer(no_args_is_help=True)

    @verbs.command("list")
    def list_letters(
        status: Annotated[str, typer.Option(help="waiting, replayed or discarded.")] = "waiting",
        as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
    ) -> None:
        """List the dead letters of a status, oldest first."""

        async def work() -> list[DeadLetter]:
            async with service.connection() as tx:
                return await service.letters.list(tx, status=status, limit=10_000)

        letters = asyncio.run(work())
        if as_json:
            for letter in letters:
                print(json.dumps(asdict(letter), default=str))  # noqa: T201
            return
        table = Table("id", "topic", "partition", "offset", "reason", "what is wrong", "device", "submission", "since")
        for letter in letters:
            numbers = (str(letter.partition), str(letter.offset))
            sender = (letter.device_id or "", letter.submission_id or "")
            why = (letter.reason, letter.detail)
            table.add_row(str(letter.id), letter.topic, *numbers, *why, *sender, f"{letter.dead_at:%F %T}")
        console.print(table if letters else f"No dead letter is {status}.")

    @verbs.command()
    def show(letter_id: int) -> None:
        """Show one with its record; 16 digits in a row are masked."""

        async def work() -> None:
            async with service.connection() as tx:
                letter = await service.letters.get(tx, letter_id)
                record = await service.letters.record(tx, letter_id)
            for name, value in asdict(letter).items():
                console.print(f"{name}: {value}", markup=False)
            console.print(f"key: {_readable(record.key)}", markup=False)
            for name, content in record.headers:
                console.print(f"header {mask(name)}: {_readable(content)}", markup=False)
            console.print(f"value: {_readable(record.value)}", markup=False)

        asyncio.run(work())

    @verbs.command()
    def replay(
        letter_ids: Annotated[list[int] | None, typer.Argument(help="Ids; without any, --all.")] = None,
        everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    ) -> None:
        """Hand records to the service's code again; one that is still bad stays. Exits 1 if any does.

        A service that decides anew compares first what it has published. Raises Verdict.
        """

        async def work() -> list[DeadLetter]:
            async with service.app() as app, app.pools[0].acquire() as tx:
                if app.own is not None:
                    await app.own.compare(tx)
                ids = letter_ids or []
                if everything:
                    ids = [letter.id for letter in await service.letters.list(tx, limit=1_000_000)]
                letters = []
                for letter_id in ids:
                    async with tx.transaction():
                        letters.append(await service.letters.replay(tx, letter_id, app.subscriptions))
                return letters

        letters = asyncio.run(work())
        for letter in letters:
            outcome = "replayed" if letter.status == "replayed" else f"still bad: {letter.reason} {letter.detail}"
            console.print(f"{letter.id}: {outcome}", markup=False)
        if any(letter.status != "replayed" for letter in letters):
            raise typer.Exit(1)

    @verbs.command()
    def discard(letter_ids: list[int], why: Why) -> None:
        """Close dead letters for good."""

        async def work() -> None:
            async with service.connection() as tx, tx.transaction():
                for letter_id in letter_ids:
                    await service.letters.discard(tx, letter_id, why)
                    console.print(f"{letter_id}: discarded")

        asyncio.run(work())

    @verbs.command("let-pass")
    def let_pass(
        topic: str,
        partition: int,
        until: Annotated[str, typer.Option(help="end, or the first offset that counts again.", show_default=False)],
        why: Why,
    ) -> None:
        """Go on after a flood of bad records stopped the service: up to an offset they all become dead letters."""

        async def work() -> None:
            async with service.connection() as tx, tx.transaction():
                await flood.require(tx, (topic, partition))
                before = await service.offset(tx, (topic, partition), until, "--until")
                await flood.let_pass(tx, topic, partition, before, why)
            console.print(f"{topic}/{partition}: bad records before {before} are set aside without stopping.")

        asyncio.run(work())

    @verbs.command("forget-overflow")
    def forget(topic: str, why: Why) -> None:
        """Say that the bad records of a topic which were not kept are junk: nobody is told of them any longer."""

        async def work() -> None:
            async with service.connection() as tx, tx.transaction():
                records = await forget_overflow(tx, topic, why)
            console.print(f"{topic}: {records} records are not told of any longer; they stay on the topic.")

        asyncio.run(work())

    return verbs


def _own_topics(service: _Service) -> typer.Typer:
    verbs = typer.Typer(no_args_is_help=True)

    @verbs.command("list")
    def list_unknown(as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False) -> None:
        """List the records on its own topics that it does not know, those that were set aside too."""

        async def work() -> list[Any]:
            async with service.connection() as tx:
                return await tx.fetch('SELECT * FROM exactly_once.unknown_record ORDER BY topic, partition, "offset"')

        rows = asyncio.run(work())
        if as_json:
            for row in rows:
                print(json.dumps(dict(row), default=str))  # noqa: T201
            return
        table = Table("topic", "partition", "offset", "written", "by", "set aside", "why")
        for row in rows:
            by, aside = "a stranger" if row["by_stranger"] else "a relay", row["set_aside_at"]
            place = (row["topic"], str(row["partition"]), str(row["offset"]), f"{row['logged_at']:%F %T}")
            table.add_row(*place, by, f"{aside:%F %T}" if aside else "no", row["reason"] or "")
        console.print(table if rows else "Every record that was looked up is known.")

    @verbs.command("set-aside")
    def set_aside(
        why: Why,
        topic: Annotated[str | None, typer.Argument(help="Of the record; without any, --all.")] = None,
        partition: Annotated[int | None, typer.Argument()] = None,
        offset: Annotated[int | None, typer.Argument()] = None,
        everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    ) -> None:
        """Go on although the database does not know what a record tells: it stays unknown, and is not told of again."""

        async def work() -> list[tuple[str, int, int]]:
            if everything == (topic is not None) or (topic is not None and (partition is None or offset is None)):
                raise Misconfigured("name a topic, a partition and an offset, or --all: see own-topics list")
            async with service.connection() as tx:
                return await own_topics.set_aside(tx, why, topic, partition, offset)

        places = asyncio.run(work())
        if not places:
            raise Absent("no such record waits: see own-topics list")
        for name, number, at in places:
            console.print(f"{name}/{number} at {at}: set aside")

    return verbs


def _readable(content: bytes | None) -> str:
    return "null" if content is None else mask(content.decode(errors="backslashreplace"))
