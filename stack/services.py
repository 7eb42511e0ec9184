"""The services that the stack runs, as data: what each is started with and what must happen before it serves."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from stack.home import Home
from stack.postgres import Database


@dataclass(frozen=True)
class Service:
    """`python -m <name> <verb>`: first the verbs that prepare, then `serve`."""

    name: str
    prepare: tuple[str, ...] = ("migrate",)
    secrets: tuple[str, ...] = field(default=())  # 32 random bytes each, the same for the life of a state folder

    @property
    def port_variable(self) -> str:
        return f"JB_{self.name.upper()}_PORT"

    def environment(
        self, home: Home, kafka: str, database: Database, issuer: str, host: str, port: int
    ) -> Mapping[str, str]:
        """Everything that the service is told; it reads nothing else."""
        prefix = self.name.upper()
        return {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "OIDC_ISSUER": issuer,
            f"{prefix}_DATABASE_URL": database.url,
            f"{prefix}_MIGRATION_DATABASE_URL": database.owner_url,
            f"{prefix}_HTTP_HOST": host,
            f"{prefix}_HTTP_PORT": str(port),
            **{name: home.secret(name, _key) for name in self.secrets},
        }


SERVICES: tuple[Service, ...] = (
    Service(
        "enrollment",
        prepare=("migrate", "provision"),
        secrets=("ENROLLMENT_MASTER_KEY", "ENROLLMENT_DEAD_LETTER_KEY"),
    ),
    Service("scheduling", secrets=("SCHEDULING_DEAD_LETTER_KEY",)),
    Service("reporting", secrets=("REPORTING_DEAD_LETTER_KEY",)),
)


def _key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()
