"""Bearer tokens: JWTs that are checked here, against the issuer's keys, and remembered until they expire."""

import time
import warnings
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, SecurityWarning

from chassis.access.issuer import Issuer
from chassis.access.roles import PUBLIC, Caller, Role
from chassis.access.settings import AccessSettings
from chassis.problems import UNAUTHORIZED, UNAVAILABLE, Problem

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
LEEWAY: Final = 60  # seconds that two clocks may differ
LONGEST: Final = 16_384  # characters of a token
REMEMBERED: Final = 10_000  # tokens
# RFC 9864 gives EdDSA with this curve another name, which issuers do not use yet.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)

_ROLES: Final = {role.value: role for role in Role}


class Tokens:
    """Turns a token into who its holder is."""

    def __init__(self, settings: AccessSettings, issuer: Issuer, *, clock: Callable[[], float] = time.time) -> None:
        self.issuer, self._settings, self._clock = issuer, settings, clock
        self._callers: dict[bytes, tuple[Caller, float]] = {}
        issuer.on_change = self._callers.clear  # whose key was withdrawn is nobody any more

    async def caller(self, token: str) -> Caller:
        """Raises Problem: UNAUTHORIZED, which says what is wrong with the token, or UNAVAILABLE."""
        digest = sha256(token.encode()).digest()
        caller, until = self._callers.get(digest, (None, 0.0))
        if caller is not None and self._clock() < until:
            return caller
        claims = await self.claims(token, self._settings.oidc_audience)
        caller = self.caller_from(claims)
        if len(self._callers) >= REMEMBERED:
            del self._callers[next(iter(self._callers))]
        self._callers[digest] = caller, claims["exp"] + LEEWAY
        return caller

    async def claims(self, token: str, audience: str) -> dict[str, Any]:
        """What a token of the issuer for this audience says. Raises Problem, as `caller` does."""
        if len(token) > LONGEST:
            raise bad("It is too long.")
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, TypeError):
            raise bad("It is no signed JWT.") from None
        kid = header.get("kid")
        if header.get("alg") not in ALGORITHMS or not isinstance(kid, str | None):
            raise bad(f"It must be signed by {', '.join(ALGORITHMS)}.")
        key = await self.issuer.key(kid)
        if key is None:
            if not self.issuer.knows_keys:
                raise Problem(UNAVAILABLE, "The issuer of tokens does not answer.", headers={"Retry-After": "5"})
            raise bad("It is not signed by a key of the issuer.")
        try:
            claims = jwt.decode(token, key, algorithms=ALGORITHMS).claims
            self._rules(audience).validate(claims)
        except ExpiredTokenError:
            raise bad("It has expired.") from None
        except ClaimError as error:
            raise bad(f"Its claim {error.claim} is missing or wrong.") from None
        except (JoseError, ValueError, TypeError):
            raise bad("It is not signed by a key of the issuer.") from None
        return claims

    def caller_from(self, claims: Mapping[str, Any]) -> Caller:
        """Who the claims are about. A claim of the wrong kind grants nothing."""
        settings = self._settings
        campaigns = _claim(claims, settings.oidc_campaigns_claim)
        return Caller(
            sub=claims["sub"],
            name=str(_claim(claims, settings.oidc_name_claim) or ""),
            roles=PUBLIC
            | {_ROLES[text] for text in _texts(_claim(claims, settings.oidc_roles_claim)) if text in _ROLES},
            campaigns=None if campaigns is None else _texts(campaigns),
            schools=_texts(_claim(claims, settings.oidc_schools_claim)),
        )

    def _rules(self, audience: str) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer.url},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )


def bad(detail: str) -> Problem:
    """The problem of a token that is not taken (RFC 6750)."""
    challenge = f'Bearer error="invalid_token", error_description="{detail}"'
    return Problem(UNAUTHORIZED, f"This token is not taken. {detail}", headers={"WWW-Authenticate": challenge})


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of this name; with dots, of the objects that they lead into."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _texts(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset(value.split())
    return frozenset(text for text in value if isinstance(text, str)) if isinstance(value, list) else frozenset()
