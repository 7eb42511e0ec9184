"""The local issuer of tokens: OpenID Connect for this machine alone, a user for each role, no passwords.

`python -m stack.issuer PORT` with its keys in JB_ISSUER_KEYS: JSON Web Keys, of which the first signs. A part of the
native stack, for trying out and for tests, and in none of the images: production names the office's own issuer.
"""

import base64
import hashlib
import html
import json
import os
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

HOST = "127.0.0.1"
AUDIENCE = "jemput-bola"
ROLES = (
    "press", "head", "principal", "branch", "coordinator", "team", "operator", "reviewer", "administrator",
    "integrator", "auditor",
)  # fmt: skip
SCHOOLS = ("20599901",)  # the local principal's: the school of the README's campaign
DAY = 24 * 3600
LOGIN = 3600  # seconds that a token of a login lives
CODE = 60  # seconds until the code of a login is fetched


def new_key() -> str:
    """A key to sign with, as JSON."""
    return json.dumps(ECKey.generate_key("P-256", auto_kid=True).as_dict(private=True))


def user(role: str) -> dict[str, Any]:
    """What the issuer says of the local user of a role. Raises ValueError for another role."""
    if role not in ROLES:
        raise ValueError(f"{role} is no role: choose one of {', '.join(ROLES)}")
    own = {"jb_schools": list(SCHOOLS)} if role == "principal" else {}
    return {"sub": f"local-{role}", "name": f"{role.capitalize()} (lokal)", "jb_roles": [role], **own}


def signed(key: str, issuer: str, claims: dict[str, Any], *, seconds: int, audience: str = AUDIENCE) -> str:
    """A token of the issuer, for so many seconds; `claims` win over what every token has."""
    now = int(time.time())
    private = ECKey.import_key(json.loads(key))
    said = {"iss": issuer, "aud": audience, "iat": now, "nbf": now, "exp": now + seconds, **claims}
    return jwt.encode({"alg": "ES256", "kid": private.kid}, said, private)


@dataclass(frozen=True)
class _Login:
    """A login that waits for its code to be fetched."""

    client: str
    address: str
    challenge: str
    nonce: str
    role: str
    until: float


class _Issuer:
    def __init__(self, url: str, keys: Sequence[str]) -> None:
        self._url, self._keys = url, keys
        self._logins: dict[str, _Login] = {}

    async def discovery(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self._url,
                "authorization_endpoint": f"{self._url}/authorize",
                "token_endpoint": f"{self._url}/token",
                "jwks_uri": f"{self._url}/jwks",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
            }
        )

    async def jwks(self, _request: Request) -> Response:
        return JSONResponse(KeySet([ECKey.import_key(json.loads(key)) for key in self._keys]).as_dict(private=False))

    async def authorize(self, request: Request) -> Response:
        """GET shows a button for each user; POST goes back with a code for the chosen one."""
        asked = {name: request.query_params.get(name, "") for name in _ASKED}
        if wrong := _wrong(asked):
            return HTMLResponse(f"<p>{wrong}</p>", 400)
        if request.method == "GET":
            return HTMLResponse(_PAGE.format(buttons="\n".join(_BUTTON.format(role=role) for role in ROLES)))
        role = parse_qs((await request.body()).decode()).get("role", [""])[0]
        if role not in ROLES:
            return HTMLResponse("<p>There is no such user.</p>", 400)
        code = secrets.token_urlsafe()
        self._logins[code] = _Login(
            asked["client_id"], asked["redirect_uri"], asked["code_challenge"], asked["nonce"], role, time.time() + CODE
        )
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 303)

    async def token(self, request: Request) -> Response:
        """Gives the tokens for a code, once, to whoever has the verifier of its challenge."""
        sent = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        login = self._logins.pop(sent.get("code", ""), None)
        if login is None or login.until < time.time() or sent.get("grant_type") != "authorization_code":
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (login.client, login.address, login.challenge) != (
            sent.get("client_id"),
            sent.get("redirect_uri"),
            challenge,
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = user(login.role)
        about = {**claims, "nonce": login.nonce}
        return JSONResponse(
            {
                "token_type": "Bearer",
                "expires_in": LOGIN,
                "access_token": signed(self._keys[0], self._url, claims, seconds=LOGIN),
                "id_token": signed(self._keys[0], self._url, about, seconds=LOGIN, audience=login.client),
            },
            headers={"Cache-Control": "no-store"},
        )


_ASKED = ("client_id", "redirect_uri", "response_type", "state", "nonce", "code_challenge", "code_challenge_method")
_BUTTON = '<button name="role" value="{role}">{role}</button>'
_PAGE = """<!doctype html>
<html lang="id"><head><meta charset="utf-8"><title>Penerbit lokal / local issuer</title></head>
<body><h1>Masuk sebagai / log in as</h1><form method="post">{buttons}</form></body></html>"""


def _wrong(asked: dict[str, str]) -> str:
    """What is wrong with a request for a login; '' when nothing is."""
    address = urlsplit(asked["redirect_uri"])
    if address.scheme != "http" or address.hostname not in (HOST, "localhost"):
        return f"This issuer goes back to this machine alone, not to {html.escape(asked['redirect_uri'])}."
    if asked["response_type"] != "code" or asked["code_challenge_method"] != "S256" or not asked["code_challenge"]:
        return "Ask for a code, with PKCE (S256)."
    return ""


def app(url: str, keys: Sequence[str]) -> Starlette:
    """The issuer at this address."""
    issuer = _Issuer(url, keys)
    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", issuer.discovery),
            Route("/jwks", issuer.jwks),
            Route("/authorize", issuer.authorize, methods=["GET", "POST"]),
            Route("/token", issuer.token, methods=["POST"]),
        ]
    )


def main() -> None:
    port, keys = int(sys.argv[1]), json.loads(os.environ["JB_ISSUER_KEYS"])
    uvicorn.run(app(f"http://{HOST}:{port}", keys), host=HOST, port=port, log_level="info")


if __name__ == "__main__":
    main()
