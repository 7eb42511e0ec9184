"""The whole system, started once: Kafka, PostgreSQL and the three services. Each test has a campaign of its own."""

from collections.abc import Iterator

import pytest

from stack import LocalStack


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("system")) as started:
        yield started
