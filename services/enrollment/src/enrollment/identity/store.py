"""SQL of sealing keys and citizens: the only tables that lead, with the master key, to a NIK."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

from exactly_once import Connection


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key that counters seal to, the private half sealed by the master key."""

    kid: str
    created_at: datetime
    public_key: bytes
    private_sealed: bytes


@dataclass(frozen=True, slots=True)
class Citizen:
    """Somebody as the table knows them. `person_id` is taken only where the NIK is new."""

    campaign: str
    nik_hmac: bytes
    person_id: str
    nik_sealed: bytes
    birth_date_sealed: bytes


async def sealing_keys(tx: Connection) -> list[KeyRow]:
    """All keys, the newest first."""
    rows = await tx.fetch(
        "SELECT kid, created_at, public_key, private_sealed FROM enrollment.sealing_key ORDER BY created_at DESC, kid"
    )
    return [KeyRow(*row) for row in rows]


async def add_sealing_key(tx: Connection, kid: str, public_key: bytes, private_sealed: bytes) -> None:
    """Stores a key for good."""
    await tx.execute(
        "INSERT INTO enrollment.sealing_key (kid, public_key, private_sealed) VALUES ($1, $2, $3)",
        kid,
        public_key,
        private_sealed,
    )


async def lock_sealing_keys(tx: Connection) -> None:
    """Lets one transaction at a time look for the first key and make it."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('enrollment/sealing-keys', 0))")


async def persons_of(tx: Connection, citizens: Sequence[Citizen]) -> dict[tuple[str, bytes], str]:
    """Whose NIK they are: `person_id` by campaign and HMAC. New citizens become persons.

    Inserted in one order, so that two batches with the same people wait for each other and not in a circle.
    """
    columns = list(map(list, zip(*map(astuple, citizens), strict=True)))
    await tx.execute(
        """
        WITH new AS (
            INSERT INTO enrollment.citizen (campaign, nik_hmac, person_id, nik_sealed, birth_date_sealed)
            SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[]::uuid[], $4::bytea[], $5::bytea[])
                     AS citizen (campaign, nik_hmac, person_id, nik_sealed, birth_date_sealed)
             ORDER BY campaign, nik_hmac
                ON CONFLICT (campaign, nik_hmac) DO NOTHING
            RETURNING campaign, person_id)
        INSERT INTO enrollment.person (campaign, person_id) SELECT campaign, person_id FROM new
        """,
        *columns,
    )
    rows = await tx.fetch(
        """
        SELECT campaign, nik_hmac, person_id::text FROM enrollment.citizen
         WHERE (campaign, nik_hmac) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))
        """,
        *columns[:2],
    )
    return {(row["campaign"], row["nik_hmac"]): row["person_id"] for row in rows}
