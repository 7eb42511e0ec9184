"""When a decision is known, and until when all that is known can be seen: the two never contradict each other."""

from datetime import datetime

from exactly_once.records import Connection


async def decision_instant(tx: Connection, given: datetime | None = None) -> datetime:
    """`known_at` of what this transaction decides; in a READ COMMITTED transaction, under the locks that it needs.

    By PostgreSQL's clock, and later than the watermark, even when that clock was set back; `given` takes the clock's
    place. Either way the watermark does not pass this instant until the transaction ends.
    """
    now: datetime = await tx.fetchval("SELECT exactly_once.decide()")
    return given or now


async def advance_watermark(connection: Connection) -> datetime:
    """Until when everything known is visible to the statement that follows. To be asked outside a transaction.

    What is decided later is known later: the watermark is kept in the database before it is told.
    """
    await connection.execute(
        "UPDATE exactly_once.watermark SET through = greatest(through, clock_timestamp() - interval '1 microsecond')"
    )
    through: datetime = await connection.fetchval("SELECT exactly_once.known_through()")
    return through
