"""schemathesis with all its checks, set up for services on the chassis.

schema = schema_of(app)

@schema.parametrize()
def test_openapi(case): check(case)
"""

import re

import schemathesis
from fastapi import FastAPI
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema

# Well-formed requests may still meet something missing, a rule, or a revision that is not the current one.
EXPECTED = ["2xx", "304", "404", "409", "412"]


def schema_of(app: FastAPI) -> BaseSchema:
    """The app's own OpenAPI document."""
    config = schemathesis.Config.from_dict({"checks": {"positive_data_acceptance": {"expected-statuses": EXPECTED}}})
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=config)


def check(case: schemathesis.Case) -> None:
    """Sends the request and checks the answer."""
    tag = case.headers.get("if-match") if case.headers else None
    valid = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    if valid and tag is not None and not re.fullmatch(r'(W/)?"[0-9]{1,18}(-gzip|-br|-deflate|-zstd)?"', str(tag)):
        del case.headers["if-match"]  # schemathesis 4.32 strips its quotes and believes it valid
    case.call_and_validate()
