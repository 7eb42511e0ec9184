"""The verbs for whoever runs a service: positions, dead letters, topics."""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import asyncpg
import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from contracts.topics import CATALOGUE
from exactly_once import flood, position
from exactly_once.dead_letters import DeadLetter, DeadLetters, Subscription
from exactly_once.errors import Misconfigured
from exactly_once.log import Log
from exactly_once.position import Partition
from exactly_once.provision import provision
from exactly_once.records import Connection, Pool
from exactly_once.settings import KafkaSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

T = TypeVar("T")
Why = Annotated[str, typer.Option("--reason", help="Why, for those who come after.", show_default=False)]
# Through a pipe nothing is cut off at some column: a program reads it.
console: Final = Console(width=None if sys.stdout.isatty() else 1000)


@dataclass(frozen=True)
class Wiring:
    """What the verbs need of a service. `subscribe` makes its subscriptions on a pool."""

    settings: KafkaSettings
    database_url: str
    subscribe: Callable[[Pool], Awaitable[Sequence[Subscription]]]


def add_verbs(app: typer.Typer, wire: Callable[[], Wiring]) -> None:
    """Adds `position`, `dead-letters` and `provision` to a service's command line."""
    app.add_typer(_positions(wire), name="position", help="How far each partition is; going on after a verdict.")
    app.add_typer(_dead_letters(wire), name="dead-letters", help="Bad records: list, show, replay, discard.")

    @app.command("provision")
    def provision_topics() -> None:
        """Make every topic of the catalogue exist as it says, and read it back."""
        for line in _run(provision(wire().settings, CATALOGUE)):
            console.print(line)


def _positions(wire: Callable[[], Wiring]) -> typer.Typer:
    verbs = typer.Typer(no_args_is_help=True)

    @verbs.command("list")
    def list_positions() -> None:
        """Show each partition's position, beside begin and end of the log."""

        async def work() -> None:
            wiring = wire()
            async with _connected(wiring) as tx, _log(wiring) as log:
                rows = await tx.fetch(
                    "SELECT topic, partition, next_offset FROM exactly_once.position ORDER BY topic, partition"
                )
                bounds = await log.bounds([(row["topic"], row["partition"]) for row in rows])
                table = Table("topic", "partition", "position", "log begin", "log end", "lag")
                for row in rows:
                    begin, end = bounds[row["topic"], row["partition"]]
                    at = row["next_offset"]
                    table.add_row(
                        row["topic"], *(str(number) for number in (row["partition"], at, begin, end, end - at))
                    )
                console.print(table)

        _run(work())

    @verbs.command()
    def accept(
        topic: str,
        partition: int,
        why: Why,
        start: Annotated[str, typer.Option("--from", help="begin, end, or an offset.", show_default=False)],
    ) -> None:
        """Go on from another offset after the position guard stopped the service."""

        async def work() -> None:
            wiring = wire()
            async with _connected(wiring) as tx:
                to = await _offset(wiring, tx, (topic, partition), start, "--from")
                async with tx.transaction():
                    await position.decide(tx, topic, partition, to, why)
                console.print(f"{topic}/{partition} goes on from {to}.")

        _run(work())

    return verbs


def _dead_letters(wire: Callable[[], Wiring]) -> typer.Typer:
    verbs = typer.Typer(no_args_is_help=True)

    def of(wiring: Wiring) -> DeadLetters:
        return DeadLetters(wiring.settings.dead_letter_key.get_secret_value(), wiring.settings.topic_prefix)

    @verbs.command("list")
    def list_letters(
        status: Annotated[str, typer.Option(help="waiting, replayed or discarded.")] = "waiting",
        as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
    ) -> None:
        """List the dead letters of a status, oldest first."""

        async def work() -> None:
            wiring = wire()
            async with _connected(wiring) as tx:
                letters = await of(wiring).list(tx, status=status, limit=10_000)
            if as_json:
                for letter in letters:
                    print(json.dumps(asdict(letter), default=str))  # noqa: T201
                return
            table = Table("id", "topic", "partition", "offset", "reason", "what is wrong", "since")
            for letter in letters:
                numbers = (str(letter.partition), str(letter.offset))
                table.add_row(
                    str(letter.id), letter.topic, *numbers, letter.reason, letter.detail, f"{letter.dead_at:%F %T}"
                )
            console.print(table if letters else f"No dead letter is {status}.")

        _run(work())

    @verbs.command()
    def show(letter_id: int) -> None:
        """Show one with its record; 16 digits in a row are masked."""

        async def work() -> None:
            wiring = wire()
            async with _connected(wiring) as tx:
                letter = await of(wiring).get(tx, letter_id)
                record = await of(wiring).record(tx, letter_id)
            for name, value in asdict(letter).items():
                console.print(f"{name}: {value}", markup=False)
            console.print(f"key: {_readable(record.key)}", markup=False)
            for name, content in record.headers:
                console.print(f"header {_masked(name)}: {_readable(content)}", markup=False)
            console.print(f"value: {_readable(record.value)}", markup=False)

        _run(work())

    @verbs.command()
    def replay(
        letter_ids: Annotated[list[int] | None, typer.Argument(help="Ids; without any, --all.")] = None,
        everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    ) -> None:
        """Hand records to the service's code again; one that is still bad stays. Exits 1 if any does."""

        async def work() -> bool:
            wiring = wire()
            async with asyncpg.create_pool(wiring.database_url, min_size=1, max_size=2) as pool:
                subscriptions = await wiring.subscribe(pool)
                async with pool.acquire() as tx:
                    ids = letter_ids or []
                    if everything:
                        ids = [letter.id for letter in await of(wiring).list(tx, limit=1_000_000)]
                    letters: list[DeadLetter] = []
                    for letter_id in ids:
                        async with tx.transaction():
                            letters.append(await of(wiring).replay(tx, letter_id, subscriptions))
            for letter in letters:
                said = "replayed" if letter.status == "replayed" else f"still bad: {letter.reason} {letter.detail}"
                console.print(f"{letter.id}: {said}", markup=False)
            return all(letter.status == "replayed" for letter in letters)

        if not _run(work()):
            raise typer.Exit(1)

    @verbs.command()
    def discard(letter_ids: list[int], why: Why) -> None:
        """Close dead letters for good."""

        async def work() -> None:
            wiring = wire()
            async with _connected(wiring) as tx, tx.transaction():
                for letter_id in letter_ids:
                    await of(wiring).discard(tx, letter_id, why)
                    console.print(f"{letter_id}: discarded")

        _run(work())

    @verbs.command("let-pass")
    def let_pass(
        topic: str,
        partition: int,
        until: Annotated[str, typer.Option(help="end, or the first offset that counts again.", show_default=False)],
        why: Why,
    ) -> None:
        """Go on after a flood of bad records stopped the service: up to an offset they all become dead letters."""

        async def work() -> None:
            wiring = wire()
            async with _connected(wiring) as tx, tx.transaction():
                if await flood.verdict(tx) is None:
                    raise LookupError("no flood has stopped this service: there is nothing to let pass")
                before = await _offset(wiring, tx, (topic, partition), until, "--until")
                await flood.let_pass(tx, topic, partition, before, why)
            console.print(f"{topic}/{partition}: bad records before {before} are set aside without stopping.")

        _run(work())

    return verbs


@asynccontextmanager
async def _connected(wiring: Wiring) -> "AsyncIterator[Connection]":
    connection = await asyncpg.connect(wiring.database_url, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


async def _offset(wiring: Wiring, tx: Connection, place: Partition, said: str, option: str) -> int:
    """begin, end or a number, within the log of a partition that this service reads. Raises Misconfigured."""
    topic, partition = place
    known = "SELECT EXISTS (SELECT FROM exactly_once.position WHERE topic = $1 AND partition = $2)"
    if not await tx.fetchval(known, topic, partition):
        raise Misconfigured(f"this service has never read {topic}/{partition}: see position list")
    async with _log(wiring) as log:
        begin, end = (await log.bounds([place]))[place]
    offset = {"begin": begin, "end": end}.get(said, int(said) if said.isdigit() else -1)
    if not begin <= offset <= end:
        raise Misconfigured(f"{option} is begin, end, or an offset from {begin} to {end}")
    return offset


def _log(wiring: Wiring) -> Log:
    return Log(wiring.settings.kafka_bootstrap_servers, wiring.settings.topic_prefix)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a verb; what a person can mend is a line and an exit code."""
    try:
        return asyncio.run(work)
    except LookupError as error:
        line, code = str(error.args[0]), 1
    except Misconfigured as error:
        line, code = str(error), error.exit_code
    except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        line, code = f"the database or the broker does not answer: {type(error).__name__}", 78
    typer.echo(line, err=True)
    raise typer.Exit(code)


def _readable(content: bytes | None) -> str:
    return "null" if content is None else _masked(content.decode(errors="backslashreplace"))


def _masked(text: str) -> str:
    return re.sub(r"[0-9]{16}", "*" * 16, text)
