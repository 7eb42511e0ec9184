"""Tokens of a real issuer, good and bad; keys that change, an issuer that is away; what a check costs."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from hashlib import sha256
from hmac import digest
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from chassis.access import PUBLIC, AccessSettings, Role
from chassis.access.issuer import DISCOVERY, UNKNOWN_KEY, Issuer
from chassis.access.tokens import LEEWAY, Tokens
from chassis.problems import Problem
from exactly_once import Misconfigured
from exactly_once.deadline import within
from stack.issuer import AUDIENCE, new_key, user
from tests.issuer import LocalIssuer
from tests.support import until
from tests.unit.access.services import ADMITTED, built


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def tokens(url: str, clock: Clock | None = None, **settings: Any) -> Tokens:
    clock = clock or Clock()
    return Tokens(AccessSettings(oidc_issuer=url, **settings), Issuer(url, clock=clock), clock=clock)


async def refusal(checked: Tokens, token: str) -> str:
    with pytest.raises(Problem) as caught:
        await checked.caller(token)
    problem = caught.value
    assert problem.kind.status == 401
    assert problem.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token", error_description="')
    return problem.detail.removeprefix("This token is not taken. ")


async def test_who_a_token_is_about(issuer: LocalIssuer) -> None:
    checked = tokens(issuer.url)
    head = await checked.caller(issuer.token("head"))
    assert (head.sub, head.name, head.roles) == ("local-head", "Head (lokal)", PUBLIC | {Role.HEAD})
    assert (head.campaigns, head.schools) == (None, frozenset())
    principal = await checked.caller(
        issuer.token("principal", jb_campaigns=["malang-2024"], jb_roles="principal ghost")
    )
    assert (principal.roles, principal.schools) == (PUBLIC | {Role.PRINCIPAL}, {"20599901"})
    assert principal.campaigns == {"malang-2024"}
    nobody = await checked.caller(issuer.token("head", jb_roles={"head": True}, jb_campaigns=7, jb_schools=[1, None]))
    assert (nobody.roles, nobody.campaigns, nobody.schools) == (PUBLIC, frozenset(), frozenset())


async def test_claims_may_have_other_names(issuer: LocalIssuer) -> None:
    checked = tokens(issuer.url, oidc_roles_claim="realm_access.roles", oidc_audience="another")
    caller = await checked.caller(issuer.token("head", audience=["x", "another"], realm_access={"roles": ["auditor"]}))
    assert caller.roles == PUBLIC | {Role.AUDITOR}


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"exp": 1}, "It has expired."),
        ({"exp": None}, "Its claim exp is missing or wrong."),
        ({"nbf": 4_000_000_000}, "Its claim nbf is missing or wrong."),
        ({"audience": "jemput-bola-pages"}, "Its claim aud is missing or wrong."),
        ({"iss": "https://elsewhere.example"}, "Its claim iss is missing or wrong."),
        ({"sub": None}, "Its claim sub is missing or wrong."),
        ({"sub": ["x"]}, "Its claim sub is missing or wrong."),
    ],
)
async def test_a_claim_that_is_wrong(issuer: LocalIssuer, change: dict[str, Any], detail: str) -> None:
    assert await refusal(tokens(issuer.url), issuer.token("administrator", **change)) == detail


async def test_clocks_may_differ_by_a_minute(issuer: LocalIssuer) -> None:
    clock = Clock()
    checked, token = tokens(issuer.url, clock), issuer.token("head", seconds=600, iat=1)
    clock.now += 600 + LEEWAY - 5
    await checked.caller(token)
    clock.now += 10
    assert await refusal(checked, token) == "It has expired."
    clock.now -= 700 + LEEWAY
    assert await refusal(tokens(issuer.url, clock), token) == "Its claim nbf is missing or wrong."


def encoded(part: object) -> str:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def forged(issuer: LocalIssuer, header: dict[str, Any], secret: bytes | None) -> str:
    key = ECKey.import_key(json.loads(issuer.keys[0]))
    now = int(time.time())
    claims = {**user("administrator"), "iss": issuer.url, "aud": AUDIENCE, "exp": now + 600}
    signed = f"{encoded({'kid': key.kid, **header})}.{encoded(claims)}"
    return f"{signed}.{encoded(digest(secret, signed.encode(), sha256)) if secret else ''}"


async def test_no_signature_and_one_by_the_public_key_are_none(issuer: LocalIssuer) -> None:
    public = ECKey.import_key(json.loads(issuer.keys[0])).public_key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    checked = tokens(issuer.url)
    for token in (
        forged(issuer, {"alg": "none"}, None),
        forged(issuer, {"alg": "None"}, None),
        forged(issuer, {"alg": "HS256"}, pem),
        forged(issuer, {"alg": "HS256"}, json.dumps(json.loads(issuer.keys[0])).encode()),
        forged(issuer, {"alg": ["ES256"]}, None),
        forged(issuer, {"alg": "ES256", "kid": 7}, None),
    ):
        assert await refusal(checked, token) == "It must be signed by RS256, ES256, EdDSA."
    for token in (
        forged(issuer, {"alg": "RS256"}, pem),
        forged(issuer, {"alg": "ES256"}, None),
        forged(issuer, {"alg": "ES256", "crit": ["exp"]}, pem),
        issuer.token("head", key=new_key())[:-4] + "AAAA",
        issuer.token("head")[:-8] + "AAAAAAAA",
    ):
        assert await refusal(checked, token) == "It is not signed by a key of the issuer."
    for token in ("", "x", "a.b.c", "..", "é", "{}", issuer.token("head").partition(".")[2]):
        assert await refusal(checked, token) == "It is no signed JWT."
    assert await refusal(checked, "a" * 20_000) == "It is too long."


async def test_another_issuers_key_of_the_same_id(issuer: LocalIssuer) -> None:
    kid = json.loads(issuer.keys[0])["kid"]
    other = json.dumps({**json.loads(new_key()), "kid": kid})
    assert (
        await refusal(tokens(issuer.url), issuer.token("head", key=other)) == "It is not signed by a key of the issuer."
    )


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", RSAKey.generate_key(2048, auto_kid=True)),
        ("ES256", ECKey.generate_key("P-256", auto_kid=True)),
        ("EdDSA", OKPKey.generate_key("Ed25519", auto_kid=True)),
    ],
)
async def test_each_algorithm(algorithm: str, key: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An issuer that signs by it, with keys of other kinds beside."""
    url = "https://issuer.example"
    strange = [{"kty": "oct", "k": "AAAA", "kid": "a"}, {"kty": "AKP", "kid": "b"}, {"kty": "EC", "kid": "c"}]
    answers = {
        "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/jwks"},
        "/jwks": {"keys": [*strange, key.as_dict(private=False)]},
    }
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answers[request.url.path]))
    real = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **options: real(transport=transport, **options))
    claims = {**user("head"), "iss": url, "aud": AUDIENCE, "exp": int(time.time()) + 600}
    for kid in ({"kid": key.kid}, {}):  # the only key needs no name
        token = jwt.encode({"alg": algorithm, **kid}, claims, key, algorithms=[algorithm])
        assert (await tokens(url).caller(token)).sub == "local-head"


async def test_keys_change_while_requests_run(own_issuer: LocalIssuer) -> None:
    clock, old = Clock(), own_issuer.keys[0]
    checked, before = tokens(own_issuer.url, clock), own_issuer.token("head")
    await checked.caller(before)
    new = new_key()
    own_issuer.restart(new, old)
    both = [own_issuer.token("auditor", key=key, jti=str(n)) for n in range(20) for key in (new, old)]
    callers = await asyncio.gather(*(checked.caller(token) for token in both))
    assert {caller.sub for caller in callers} == {"local-auditor"}
    assert own_issuer.fetched() == 1, "all of them waited for one look"
    own_issuer.restart(new)
    clock.now += UNKNOWN_KEY
    await refusal(checked, own_issuer.token("head", key=new_key()))  # makes it look
    assert await refusal(checked, before) == "It is not signed by a key of the issuer.", "its key was withdrawn"
    await checked.caller(own_issuer.token("head", key=new))


async def test_unknown_keys_ask_the_issuer_once_in_thirty_seconds(own_issuer: LocalIssuer) -> None:
    clock = Clock()
    checked = tokens(own_issuer.url, clock)
    await checked.caller(own_issuer.token("head"))
    assert own_issuer.fetched() == 1
    strangers = [own_issuer.token("head", key=new_key()) for _ in range(50)]
    for _ in range(3):
        await asyncio.gather(*(refusal(checked, token) for token in strangers))
        clock.now += 9
    assert own_issuer.fetched() == 2
    clock.now += UNKNOWN_KEY - 27
    await asyncio.gather(*(refusal(checked, token) for token in strangers))
    assert own_issuer.fetched() == 3


async def test_an_issuer_that_is_away_keeps_nobody_out(own_issuer: LocalIssuer) -> None:
    app = built("reporting", own_issuer.url)
    part = app.state.access.tokens.issuer
    app.state.health.components.append(part)
    running = asyncio.create_task(part.run())
    before, another = own_issuer.token("head"), own_issuer.token("auditor")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://reporting") as http:

        async def asked(token: str) -> int:
            return (await http.get("/v1/dead-letters", headers={"Authorization": f"Bearer {token}"})).status_code

        try:
            await until(lambda: asyncio.sleep(0, part.knows_keys))
            assert part.notices() == []
            own_issuer.stop()
            await part._fetch()
            assert (await asked(before), await asked(another)) == (403, ADMITTED), "checked by the keys at hand"
            assert await asked(own_issuer.token("auditor", key=new_key())) == 401
            told = app.state.health.readiness()
            assert told.status == "ready"
            assert told.notices == [
                f"issuer: {own_issuer.url} does not answer as an issuer should: its keys are those of before"
            ]
            own_issuer.start()
            await part._fetch()
            assert app.state.health.readiness().notices == []
        finally:
            running.cancel()


async def test_an_issuer_that_never_answered(own_issuer: LocalIssuer) -> None:
    own_issuer.stop()
    clock = Clock()
    checked, token = tokens(own_issuer.url, clock), own_issuer.token("head")
    with pytest.raises(Problem) as caught:
        await checked.caller(token)
    assert (caught.value.kind.status, caught.value.headers) == (503, {"Retry-After": "5"})
    assert checked.issuer.notices()[0].endswith("no token can be checked")
    own_issuer.start()
    clock.now += 5
    assert (await checked.caller(token)).sub == "local-head"


@pytest.mark.parametrize(
    "metadata", [{"issuer": "https://elsewhere.example"}, {"issuer": "https://issuer.example"}, [], "x", None]
)
async def test_what_is_no_issuer(metadata: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=metadata))
    real = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **options: real(transport=transport, **options))
    issuer = Issuer("https://issuer.example")
    assert await issuer.key("x") is None
    assert issuer.notices()


PLAIN = "http://issuer.example/x"


@pytest.mark.parametrize("name", ["jwks_uri", "token_endpoint", "authorization_endpoint"])
async def test_an_issuer_that_sends_whoever_asks_over_plain_http_ends_the_start(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of the issuer alone proves nothing: its keys may be elsewhere."""
    asked: list[str] = []
    addresses = dict.fromkeys(("jwks_uri", "token_endpoint", "authorization_endpoint"), "https://issuer.example/x")
    metadata = {"issuer": "https://issuer.example"} | addresses | {name: PLAIN}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        keys = {"keys": [OKPKey.generate_key("Ed25519", private=False).as_dict()]}
        return httpx.Response(200, json=metadata if DISCOVERY in str(request.url) else keys)

    real = httpx.AsyncClient
    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(httpx, "AsyncClient", lambda **options: real(transport=transport, **options))
    with pytest.raises(Misconfigured, match=rf"names a {name} that is not https.*OIDC_PLAIN_HTTP"):
        await within(30, Issuer("https://issuer.example").run())
    assert asked == [f"https://issuer.example{DISCOVERY}"]
    issuer = Issuer("https://issuer.example")
    assert await issuer.key("x") is None and not issuer.knows_keys
    allowed = Issuer("https://issuer.example", plain=True)
    await allowed.key("x")
    assert allowed.knows_keys


async def test_a_check_costs_less_than_100_microseconds(issuer: LocalIssuer) -> None:
    """CPU of this thread for a request with a token that was seen before, at the dearest route there is."""
    checked, token = tokens(issuer.url), issuer.token("administrator")
    await checked.caller(token)
    began = time.thread_time()
    for _ in range(2000):
        await checked.caller(token)
    seen = (time.thread_time() - began) / 2000
    fresh = [issuer.token("head", jti=str(number)) for number in range(100)]
    began = time.thread_time()
    for each in fresh:
        await checked.caller(each)
    first = (time.thread_time() - began) / 100
    print(f"\na token seen before {seen * 1e6:.1f} µs, a new one {first * 1e6:.0f} µs")
    assert seen < 100e-6
