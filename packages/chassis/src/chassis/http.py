"""A service's HTTP application: problems for every failure, health, metrics, a truthful OpenAPI document."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis import answers, metrics
from chassis.access import Access, caller_of
from chassis.health import Component, Health, Readiness
from chassis.incoming import BodyLimits, Incoming
from chassis.middleware import Middleware
from chassis.openapi import truthful
from chassis.parameters import refuse_unknown_parameters
from chassis.problems import Problem
from chassis.refusal import Refused, Stale, Taken, Unknown


class Liveness(BaseModel):
    """The body of `/health/live`."""

    status: Literal["alive"] = "alive"


def create_app(
    title: str,
    *,
    version: str,
    components: Sequence[Component] = (),
    registry: CollectorRegistry | None = None,
    limits: BodyLimits | None = None,
    access: Access | None = None,
    hosts: AbstractSet[str] | None = None,
    **fastapi: Any,
) -> FastAPI:
    """A FastAPI app; routers are included by the service.

    `components` are asked by `/health/ready`; `supervise` replaces them by all that it runs. `app.state.stopping`
    (an asyncio.Event) is set when the process stops; long-lived answers are ended then, without their doing.
    `registry` has the service's own metrics. `limits` are those of the bodies that come in. `access` says who may use
    which route; without it everybody on this machine may use all of them. `hosts` are the service's own names: for
    another `Host` it is not there (None: for any it is).
    """
    app = FastAPI(
        title=title, version=version, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False,
        dependencies=[Depends(caller_of), Depends(refuse_unknown_parameters)], **fastapi,
    )  # fmt: skip
    app.state.access = access = access or Access()
    app.state.health, app.state.stopping = Health(components), asyncio.Event()
    seconds, own = metrics.http_seconds()
    incoming = app.state.incoming = Incoming(limits or BodyLimits())
    app.add_middleware(Middleware, incoming=incoming, stopping=app.state.stopping, seconds=seconds, hosts=hosts)
    app.add_exception_handler(Problem, answers.on_problem)
    for refusal in (Refused, Unknown, Taken, Stale):
        app.add_exception_handler(refusal, answers.on_refusal)
    app.add_exception_handler(HTTPException, answers.on_http_exception)
    app.add_exception_handler(RequestValidationError, answers.on_invalid)
    _health(app, [registry or metrics.new_registry(), own])
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = truthful(plain(), access)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/openapi.json", include_in_schema=False)
    async def document() -> JSONResponse:
        return JSONResponse(openapi())

    return app


def _health(app: FastAPI, registries: Sequence[CollectorRegistry]) -> None:
    @app.get("/health/live", tags=["health"])
    async def live() -> Liveness:
        """The process runs."""
        return Liveness()

    @app.get("/health/ready", tags=["health"], responses={503: {"model": Readiness, "description": "Not ready"}})
    async def ready(request: Request) -> Readiness:
        """It can do its work; if not, the body says what is wrong."""
        readiness: Readiness = request.app.state.health.readiness()
        status = 200 if readiness.status == "ready" else 503
        return JSONResponse(readiness.model_dump(exclude_defaults=True), status)  # type: ignore[return-value]

    @app.get("/metrics", include_in_schema=False)
    async def figures() -> Response:
        return metrics.exposition(*registries)
