"""The key set that counters seal to. The first key is made when it is asked for; private halves are opened once."""

import asyncio
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from enrollment.identity import store
from enrollment.identity.vault import Vault
from exactly_once import Connection, Misconfigured, Pool
from exactly_once.errors import is_away

AGAIN_AFTER: Final = 1.0


class WrongMasterKey(Misconfigured):
    """The keys in the database were sealed by another master key: nothing may be decided, nobody is refused for it."""

    def __init__(self) -> None:
        super().__init__("ENROLLMENT_MASTER_KEY is not the one that this database was made with")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a counter is given."""

    kid: str
    created_at: datetime
    public_key: bytes


class SealingKeys:
    """The keys of one database. Also a component: a start with the wrong master key stops with exit code 78."""

    name = "sealing keys"

    def __init__(self, vault: Vault, pool: Pool) -> None:
        self._vault, self._pool = vault, pool
        self._opened: dict[str, X25519PrivateKey] = {}
        self._checked = False

    async def run(self) -> None:
        """Opens all keys, and then has nothing more to do until it is cancelled. Raises WrongMasterKey."""
        while not self._checked:
            try:
                async with self._pool.acquire() as tx:
                    await self.private(tx, set())
                self._checked = True
            except Exception as error:
                if not is_away(error):
                    raise
                await asyncio.sleep(AGAIN_AFTER)
        await asyncio.Event().wait()

    def problems(self) -> list[str]:
        """What keeps it from being ready."""
        return [] if self._checked else ["the sealing keys have not been opened yet"]

    async def public(self, tx: Connection) -> list[PublicKey]:
        """The public halves, the newest first. Makes the first key, in the transaction `tx`, once for all who ask."""
        if not await store.sealing_keys(tx):
            await store.lock_sealing_keys(tx)
            if not await store.sealing_keys(tx):
                await self._make(tx)
        return [PublicKey(row.kid, row.created_at, row.public_key) for row in await store.sealing_keys(tx)]

    async def private(self, tx: Connection, kids: set[str]) -> dict[str, X25519PrivateKey]:
        """The private halves by kid; looks again for new ones when one of `kids` is unknown. Raises WrongMasterKey."""
        if not self._opened or not self._opened.keys() >= kids:
            self._opened = {row.kid: self._open(row) for row in await store.sealing_keys(tx)}
        return self._opened

    async def _make(self, tx: Connection) -> None:
        private_key = X25519PrivateKey.generate()
        public = private_key.public_key().public_bytes_raw()
        kid = f"key-{sha256(public).hexdigest()[:12]}"
        await store.add_sealing_key(tx, kid, public, self._vault.seal(private_key.private_bytes_raw(), _bound_to(kid)))

    def _open(self, row: store.KeyRow) -> X25519PrivateKey:
        try:
            return X25519PrivateKey.from_private_bytes(self._vault.open(row.private_sealed, _bound_to(row.kid)))
        except InvalidTag:
            raise WrongMasterKey from None


def _bound_to(kid: str) -> str:
    return f"sealing-key/{kid}"


def base64url(data: bytes) -> str:
    """Without padding, as JSON Web Keys have it."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
