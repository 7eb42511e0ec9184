"""What makes a process a service: settings, logging, metrics, migrations, HTTP, supervision. No domain, no Kafka."""

from pathlib import Path


def migrations_dir() -> Path:
    """Where the chassis keeps its own migrations (idempotency, sessions, audit)."""
    return Path(__file__).parent / "migrations"
