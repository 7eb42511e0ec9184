"""The three services as they are built, with an issuer and no database: what is asked of them ends at the guard."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from importlib import import_module
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request

from chassis.access import Access, Caller
from chassis.problems import CONFLICT, Problem
from tests.support import kafka_settings

SERVICES = ("enrollment", "scheduling", "reporting")


def settings(name: str, **changes: Any) -> Any:
    return import_module(f"{name}.settings").Settings(
        database_url=f"postgresql://{name}:none@127.0.0.1:1/{name}",
        http_port=0,
        master_key=urlsafe_b64encode(bytes(32)).decode(),  # enrollment's; the others ignore it
        **dict(kafka_settings("127.0.0.1:1")),
        **changes,
    )


ADMITTED = CONFLICT.status


class _Threshold(Access):
    """Admits as the service does; whoever is admitted gets no further."""

    async def admit(self, request: Request) -> Caller:
        await super().admit(request)
        raise Problem(CONFLICT)


def built(name: str, issuer: str | None) -> FastAPI:
    """Its HTTP application. To be called inside the event loop."""
    app: FastAPI = import_module(f"{name}.app").build(settings(name, oidc_issuer=issuer)).http
    access: Access = app.state.access
    app.state.access = _Threshold(access.own, access.tokens)
    app.state.access.rates = access.rates
    return app


def table(name: str) -> dict[str, frozenset[str]]:
    from chassis.access import COMMON

    return {**COMMON, **import_module(f"{name}.access").ACCESS}
