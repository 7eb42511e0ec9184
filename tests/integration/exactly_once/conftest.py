"""The ledger that these tests count in."""

from tests.ledger import pool

__all__ = ["pool"]
