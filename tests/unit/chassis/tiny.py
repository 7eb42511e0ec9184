"""A tiny service's HTTP application, as the tests of the chassis use it."""

from typing import Annotated

from fastapi import APIRouter, FastAPI, Path
from pydantic import BaseModel, ConfigDict, Field

from chassis.commands import IdempotencyKey
from chassis.conditional import IfMatch, etag
from chassis.http import create_app
from chassis.incoming import BodyLimits
from chassis.openapi import problems
from chassis.problems import NOT_FOUND, STALE_REVISION, Problem
from chassis.refusal import require_revision
from contracts.types import Whole

SMALL = BodyLimits(one=10_000, drained=160_000)
Id = Annotated[int, Path(ge=1, le=1000)]


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: Annotated[int, Field(ge=0, le=100), Whole()]
    name: Annotated[str, Field(max_length=50)] = ""
    counts: dict[str, Annotated[int, Whole()]] = Field(default_factory=dict)


def tiny_app(failure: Exception | None = None, limits: BodyLimits = SMALL) -> FastAPI:
    """`failure` is what `GET /broken` raises."""
    app = create_app("Tiny", version="1", limits=limits)
    router = APIRouter(prefix="/v1/things")

    @router.get("/{id}", responses=problems(NOT_FOUND))
    async def show(id: Id, note: str = "") -> Thing:  # noqa: A002
        if id > 500:
            raise Problem(NOT_FOUND, "No such thing.")
        return Thing(value=1, name=note[:50])

    @router.put("/{id}", responses=problems(STALE_REVISION))
    async def change(id: Id, thing: Thing, expected: IfMatch, key: IdempotencyKey = None) -> Thing:  # noqa: A002
        require_revision(expected, 7)
        return thing

    @router.post("/{id}/touch")
    async def touch(id: Id) -> dict[str, str]:  # noqa: A002
        return {"etag": etag(id)}

    app.include_router(router)
    if failure is not None:

        @app.get("/broken")
        async def broken() -> None:
            raise failure

    return app
