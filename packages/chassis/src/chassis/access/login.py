"""Logging in to pages: authorization code with PKCE at the issuer, then a session here; and logging out."""

import secrets
import warnings
from hashlib import sha256
from typing import Annotated, Any, Final

import authlib.deprecate
import httpx
from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis.access.sessions import LONGEST, Sessions, set_cookie
from chassis.access.settings import AccessSettings, is_loopback
from chassis.access.tokens import Tokens
from chassis.problems import FORBIDDEN, MALFORMED, UNAVAILABLE, Problem
from exactly_once import Pool

with warnings.catch_warnings():
    # It tells everybody who starts a service that it would rather stand on httpx2.
    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError

MINUTES: Final = 10  # until a login that was begun is given up
_BEGIN: Final = "INSERT INTO chassis.login (state_sha256, verifier, nonce, back) VALUES ($1, $2, $3, $4)"
_TAKE: Final = f"""
DELETE FROM chassis.login WHERE state_sha256 = $1 AND began_at > clock_timestamp() - interval '{MINUTES} minutes'
RETURNING verifier, nonce, back
"""  # noqa: S608 - its own constant
_PURGE: Final = f"DELETE FROM chassis.login WHERE began_at < clock_timestamp() - interval '{MINUTES} minutes'"  # noqa: S608


class Login:
    """The way through the issuer and back. The browser proves that it is the one that began it."""

    def __init__(self, settings: AccessSettings, pool: Pool, tokens: Tokens, sessions: Sessions) -> None:
        self._settings, self._pool, self._tokens, self._sessions = settings, pool, tokens, sessions
        self._cookie = f"{sessions.cookie}_login"

    async def begin(self, request: Request, back: str) -> Response:
        """Sends the browser to the issuer."""
        metadata = await self._metadata()
        state, verifier, nonce = (secrets.token_urlsafe(48) for _ in range(3))
        async with self._pool.acquire() as tx:
            await tx.execute(_PURGE)
            await tx.execute(_BEGIN, _hash(state), verifier, nonce, back)
        async with self._client(request) as client:
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, code_verifier=verifier, nonce=nonce
            )
        response = _to(address)
        set_cookie(response, request, self._cookie, state, MINUTES * 60)
        return response

    async def end(self, request: Request, state: str, code: str) -> Response:
        """The browser comes back with a code: fetches the tokens, checks them, begins a session. Raises Problem."""
        if not state or request.cookies.get(self._cookie) != state:
            raise Problem(FORBIDDEN, "This login was not begun in this browser. Begin again.", roles=[])
        async with self._pool.acquire() as tx:
            begun = await tx.fetchrow(_TAKE, _hash(state))
        if begun is None or not code:
            raise Problem(FORBIDDEN, "This login is over, or was refused by the issuer. Begin again.", roles=[])
        sent = await self._fetch(request, code, begun["verifier"])
        about = await self._tokens.claims(sent["id_token"], self._settings.oidc_client_id)
        caller = await self._tokens.caller(sent["access_token"])
        if about.get("nonce") != begun["nonce"] or about["sub"] != caller.sub:
            raise Problem(FORBIDDEN, "The issuer's tokens are not those of this login. Begin again.", roles=[])
        response = _to(begun["back"])
        set_cookie(response, request, self._sessions.cookie, await self._sessions.begin(caller), LONGEST)
        response.delete_cookie(self._cookie, path="/")
        return response

    async def out(self, request: Request) -> Response:
        """Ends the session."""
        await self._sessions.end(request)
        response = _to("/")
        response.delete_cookie(self._sessions.cookie, path="/")
        return response

    async def _fetch(self, request: Request, code: str, verifier: str) -> dict[str, str]:
        metadata = await self._metadata()
        try:
            async with self._client(request) as client:
                sent = await client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=verifier)
        except (httpx.HTTPError, OAuthError, ValueError):
            raise Problem(FORBIDDEN, "The issuer gave no token for this login. Begin again.", roles=[]) from None
        tokens = {name: sent.get(name) for name in ("id_token", "access_token")}
        if not all(isinstance(token, str) for token in tokens.values()):
            raise Problem(FORBIDDEN, "The issuer's answer lacks a token.", roles=[])
        return tokens

    async def _metadata(self) -> dict[str, Any]:
        if metadata := await self._tokens.issuer.discovered():
            return dict(metadata)
        raise Problem(UNAVAILABLE, "The issuer of tokens does not answer.", headers={"Retry-After": "5"})

    def _client(self, request: Request) -> AsyncOAuth2Client:
        secret = self._settings.oidc_client_secret
        return AsyncOAuth2Client(
            self._settings.oidc_client_id,
            None if secret is None else secret.get_secret_value(),
            token_endpoint_auth_method="none" if secret is None else "client_secret_basic",
            scope=self._settings.oidc_scope,
            redirect_uri=f"{self._here(request)}/login/callback",
            code_challenge_method="S256",
            timeout=10,
        )

    def _here(self, request: Request) -> str:
        """Where browsers see the pages. Raises Problem when nobody has said so: a header of the request may lie."""
        if self._settings.public_url:
            return self._settings.public_url.rstrip("/")
        if is_loopback(request.url.hostname or ""):
            return str(request.base_url).rstrip("/")
        raise Problem(MALFORMED, "The service does not know its own address: set its PUBLIC_URL.")


def mount(app: FastAPI, login: Login | None) -> None:
    """Adds `/login`, `/login/callback` and `/logout`. Without an issuer everybody is let in, and nobody logs in."""

    @app.get("/login", include_in_schema=False)
    async def begin(request: Request, back: str = "/") -> Response:
        back = back if _is_here(back) else "/"
        return _to(back) if login is None else await login.begin(request, back)

    @app.get("/login/callback", include_in_schema=False)
    async def end(
        request: Request,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=4000)] = "",
    ) -> Response:
        return _to("/") if login is None else await login.end(request, state, code)

    @app.post("/logout", include_in_schema=False)
    async def out(request: Request) -> Response:
        return _to("/") if login is None else await login.out(request)


def _is_here(path: str) -> bool:
    """Whether it is a path of this service, and no way to another host."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _hash(state: str) -> bytes:
    return sha256(state.encode()).digest()
