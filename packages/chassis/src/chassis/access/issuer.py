"""The issuer of tokens: found by discovery, its keys kept, and asked for again when a token names another one."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from chassis.access.settings import is_private
from exactly_once.errors import Misconfigured

log = structlog.get_logger(__name__)

Key = RSAKey | ECKey | OKPKey
_KINDS: Final[Mapping[str, type[Key]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
EVERY: Final = 300.0  # seconds between two looks at the keys, so that a withdrawn one is forgotten
UNKNOWN_KEY: Final = 30.0  # seconds, at least, between two looks because of a key that is not among them
AWAY: Final = 2.0  # seconds until an issuer that never answered is asked again
TIMEOUT: Final = 5.0
# What it may come to when something else answers than an issuer.
_NO_ISSUER: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, LookupError, TypeError, AttributeError)
_ADDRESSES: Final = ("jwks_uri", "token_endpoint", "authorization_endpoint")
DISCOVERY: Final = "/.well-known/openid-configuration"


class Issuer:
    """Component: keeps the issuer's keys. While it is away those at hand go on working, and health says so."""

    name = "issuer"

    def __init__(self, url: str, *, plain: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """`plain`: its addresses may be plain http on another host."""
        self.url, self._plain, self._clock = url, plain, clock
        self.metadata: Mapping[str, Any] = {}
        self._keys: dict[str | None, Key] = {}
        self._document: dict[str, Any] = {}
        self._trouble = self._open = ""
        self._asked_for_unknown = self._tried = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self.on_change: Callable[[], None] = lambda: None

    @property
    def knows_keys(self) -> bool:
        """Whether it was ever reached."""
        return bool(self._keys)

    async def key(self, kid: str | None) -> Key | None:
        """The key of this id; None when the issuer has no such key, or was asked too recently."""
        if kid in self._keys:
            return self._keys[kid]
        async with self._one_at_a_time:
            if kid not in self._keys and self._may_ask():
                await self._fetch()
        return self._keys.get(kid)

    async def discovered(self) -> Mapping[str, Any]:
        """What it says of itself; empty while it was never reached."""
        if not self.metadata:
            await self.key("")
        return self.metadata

    async def run(self) -> None:
        """Until cancelled. Raises Misconfigured when an issuer that is there sends whoever asks over plain http."""
        while True:
            async with self._one_at_a_time:
                await self._fetch()
            if self._open and not self._keys:
                raise Misconfigured(self._open)
            await asyncio.sleep(AWAY if self._trouble else EVERY)

    def problems(self) -> list[str]:
        """None: an issuer that is away keeps nobody from working who has a token that it signed."""
        return []

    def notices(self) -> list[str]:
        """What health tells of it."""
        return [self._trouble] if self._trouble else []

    def _may_ask(self) -> bool:
        now = self._clock()
        if not self._keys:
            return now - self._tried >= AWAY
        if now - self._asked_for_unknown < UNKNOWN_KEY:
            return False
        self._asked_for_unknown = now
        return True

    async def _fetch(self) -> None:
        self._tried = self._clock()
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT) as http:
                metadata = await _json(http, self.url.rstrip("/") + DISCOVERY)
                if metadata.get("issuer") != self.url:
                    raise ValueError("it calls itself by another name")
                self._refuse_plain(metadata)
                document = await _json(http, metadata["jwks_uri"])
                keys = _keys(document)
        except _NO_ISSUER as error:
            if not self._trouble:
                log.warning("the issuer does not answer", issuer=self.url, error=type(error).__name__)
            self._trouble = f"{self.url} does not answer as an issuer should: " + (
                "its keys are those of before" if self._keys else "no token can be checked"
            )
            return
        self.metadata, self._trouble = metadata, ""
        if document != self._document:
            self._keys, self._document = keys, document
            self.on_change()

    def _refuse_plain(self, metadata: Mapping[str, Any]) -> None:
        """Keys that somebody on the way can change prove nothing, nor do codes that anybody can read."""
        self._open = ""
        for name in _ADDRESSES:
            if name in metadata and not is_private(str(metadata[name]), plain=self._plain):
                self._open = (
                    f"the issuer {self.url} names a {name} that is not https: its keys and codes would be anybody's "
                    "on the way; OIDC_PLAIN_HTTP=inner-network allows it (docs/access.md)"
                )
                raise ValueError(self._open)


async def _json(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    content = (await http.get(url)).raise_for_status().json()
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return content


def _keys(document: Mapping[str, Any]) -> dict[str | None, Key]:
    """By their ids; the only one under None too, for tokens that name none. Raises ValueError when there is none."""
    keys: dict[str | None, Key] = {}
    for jwk in document["keys"]:
        if jwk.get("kty") not in _KINDS or jwk.get("use", "sig") != "sig":
            continue  # not to check signatures with, or of a kind that is not understood: others are
        try:
            key = _KINDS[jwk["kty"]].import_key(jwk)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        keys[key.kid or key.thumbprint()] = key
    if not keys:
        raise ValueError("it has no key to check a signature with")
    return keys | ({None: next(iter(keys.values()))} if len(keys) == 1 else {})
