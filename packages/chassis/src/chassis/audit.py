"""The audit trail: what was done, by whom, each entry bound to all before it by a hash."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.access import Access, Caller, CallerOf
from chassis.logging import mask
from exactly_once import Connection, Pool

_ADD: Final = "SELECT chassis.add_to_audit($1, $2, $3)"
_PAGE: Final = """
SELECT seq, entry, hash, name,
       CASE seq WHEN 1 THEN '' ELSE (SELECT hash FROM chassis.audit AS b WHERE b.seq = shown.seq - 1) END AS before
  FROM chassis.audit AS shown LEFT JOIN chassis.decider ON decided_by::text = entry::jsonb ->> 'decided_by'
 WHERE seq > $1 AND ($3::text[] IS NULL OR entry::jsonb ->> 'campaign' = ANY ($3)) ORDER BY seq LIMIT $2
"""
_CHAIN: Final = "SELECT seq, entry, hash FROM chassis.audit ORDER BY seq"
_FIRST_MISSING: Final = "SELECT coalesce(max(seq), 0) + 1 FROM chassis.audit WHERE seq < $1"
_AT_ONCE: Final = 1000


class AuditEntry(BaseModel):
    """What somebody did."""

    seq: int
    at: datetime
    decided_by: Annotated[str | None, Field(description="Pseudonym, as events have it.")] = None
    name: Annotated[str | None, Field(description="As the issuer last said.")] = None
    roles: list[str]
    act: Annotated[str, Field(description="Method and route.")]
    address: str
    campaign: str | None = None
    status: int
    request_sha256: str
    hash: str


class AuditReturn(BaseModel):
    """Entries, the oldest first; ask again with `after` = `next` for more, null when there are none."""

    entries: list[AuditEntry]
    next: int | None = None
    broken_at: Annotated[
        int | None,
        Field(
            description="The first of these entries that is not as written, or that is missing before one of them; "
            "null while none is. The service's verb `audit` checks all there are."
        ),
    ] = None


async def add(tx: Connection, request: Request, request_sha256: bytes, status: int) -> None:
    """Writes down what the request did, in its transaction; the last thing that it does."""
    access: Access = request.app.state.access
    caller: Caller = request.state.caller
    decided_by = access.pseudonym(caller)
    entry = {
        "at": datetime.now(UTC).isoformat(),
        "decided_by": decided_by,
        "roles": sorted(caller.roles - {"public"}) if decided_by else [],
        "act": f"{request.method} {request.scope['route'].path}",
        "address": mask(request.url.path),
        "campaign": request.path_params.get("campaign"),
        "status": status,
        "request_sha256": request_sha256.hex(),
    }
    await tx.execute(_ADD, json.dumps(entry, sort_keys=True), decided_by, caller.name)


async def broken_at(tx: Connection) -> int | None:
    """The first entry of all that is changed or missing; None while the chain is whole."""
    before, expected = b"", 1
    async with tx.transaction():
        async for row in tx.cursor(_CHAIN, prefetch=_AT_ONCE):
            if row["seq"] != expected or not _follows(before, row):
                return expected
            before, expected = row["hash"], expected + 1
    return None


async def _broken_of(tx: Connection, page: Sequence[Any]) -> int | None:
    """The same of these entries, each with the hash `before` it: who reads page after page has checked all."""
    for row in page:
        if row["before"] is None:
            missing: int = await tx.fetchval(_FIRST_MISSING, row["seq"])
            return missing
        if not _follows(row["before"], row):
            seq: int = row["seq"]
            return seq
    return None


def _follows(before: bytes, row: Any) -> bool:
    digest: bytes = row["hash"]
    return digest == sha256(before + row["entry"].encode()).digest()


def router(pool: Pool) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["audit"])

    @routes.get("/audit", response_model=AuditReturn)
    async def read_audit(
        request: Request,
        caller: CallerOf,
        after: Annotated[int, Query(ge=0, le=2**63 - 1, description="`next` of the last answer.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """What was done, by whom, the oldest first. To begin reading it is an entry itself."""
        campaigns = None if caller.campaigns is None else sorted(caller.campaigns)
        async with pool.acquire() as tx, tx.transaction():
            page = await tx.fetch(_PAGE, after, limit, campaigns)
            broken = await _broken_of(tx, page)
            if after == 0:
                await add(tx, request, sha256(b"").digest(), 200)
        returned = AuditReturn(
            entries=[_returned(row) for row in page],
            next=page[-1]["seq"] if len(page) == limit else None,
            broken_at=broken,
        )
        return JSONResponse(returned.model_dump(mode="json"))

    return routes


def _returned(row: Any) -> AuditEntry:
    return AuditEntry(seq=row["seq"], name=row["name"], hash=row["hash"].hex(), **json.loads(row["entry"]))
