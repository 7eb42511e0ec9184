"""A counter that is set up, and the office it belongs to."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from counter import Counter
from tests.unit.counter.support import Office, Server, new_counter


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office()
    office.new_key()
    server = Server(office)
    yield office
    server.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "loket"


@pytest.fixture
async def counter(home: Path, office: Office) -> AsyncIterator[Counter]:
    with await new_counter(home, office) as counter:
        yield counter
