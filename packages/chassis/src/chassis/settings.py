"""Settings from the environment and from secret files, and readable lines about what is wrong with them."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from chassis.access.settings import AccessSettings
from exactly_once import KafkaSettings
from exactly_once.errors import Misconfigured
from exactly_once.settings import TopicSettings

SECRETS_DIR: Final = Path("/run/secrets")


def _postgresql_url(value: SecretStr) -> SecretStr:
    try:
        url = urlsplit(value.get_secret_value())
        complete = url.scheme in {"postgresql", "postgres"} and url.hostname and url.path.strip("/") and url.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise ValueError("must be a URL like postgresql://user:password@host:5432/database")
    return value


def _is_name(text: str) -> bool:
    """Whether it is one: no port, no path, nothing that stands for many."""
    try:
        ip_address(text)
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9_.-]+", text) is not None
    return True


def _names(text: str) -> list[str]:
    """Those of a list with commas, in lower case."""
    return [name.strip().lower() for name in text.split(",") if name.strip()]


def _hosts(text: str) -> str:
    if not all(_is_name(name) for name in _names(text)):
        raise ValueError("must be names or addresses, without port and path, comma separated")
    return text


PostgresUrl = Annotated[SecretStr, AfterValidator(_postgresql_url)]


class MigrationSettings(BaseSettings):
    """What the verb `migrate` needs: it is told no key and no broker.

    A value comes from the environment (`REPORTING_DATABASE_URL`) or from a file of that name in lower case under
    `/run/secrets`; the environment wins.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: PostgresUrl = Field(description="PostgreSQL, as the runtime role.")
    migration_database_url: PostgresUrl | None = Field(
        default=None, description="The same database as its owner, who runs the migrations; default: database_url."
    )
    database_wait_seconds: float = Field(default=30, ge=0, description="How long a start waits for PostgreSQL.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"

    @property
    def owner_dsn(self) -> str:
        """The owner's URL, in clear."""
        return (self.migration_database_url or self.database_url).get_secret_value()


class ProcessSettings(MigrationSettings):
    """What every process needs. A service's own class sets `env_prefix` and adds its knobs."""

    database_pool_size: int = Field(
        default=10, ge=2, le=200, description="Connections of this process, at most; one may be kept to watch with."
    )
    http_host: str = Field(default="127.0.0.1", description="Address to listen on.")
    http_hosts: Annotated[str, AfterValidator(_hosts)] = Field(
        default="", description="Names of the service beside localhost, its addresses and PUBLIC_URL, comma separated."
    )
    http_port: int = Field(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    http_connections: int = Field(
        default=1000, ge=10, description="Clients connected at once, at most; who watches a page is one."
    )
    stop_seconds: float = Field(default=10, gt=0, description="How long an orderly stop may take.")

    @property
    def dsn(self) -> str:
        """The runtime role's URL, in clear."""
        return self.database_url.get_secret_value()

    @property
    def hosts(self) -> frozenset[str]:
        """The names by which a request may ask for the service, in lower case."""
        return frozenset({self.http_host.strip("[]").lower(), *_names(self.http_hosts)})


class ServiceSettings(ProcessSettings, KafkaSettings, AccessSettings):
    """What every service that reads and writes topics needs."""

    model_config = SettingsConfigDict(populate_by_name=True)

    kafka_public_servers: Annotated[
        str | None,
        Field(
            validation_alias=AliasChoices("KAFKA_PUBLIC_SERVERS", "kafka_public_servers"),
            description="Where programs elsewhere reach Kafka, if not by KAFKA_BOOTSTRAP_SERVERS: `/asyncapi.json` "
            "names these. Empty: none.",
        ),
    ] = None

    @property
    def told_servers(self) -> str:
        """The bootstrap servers that others are told of."""
        return self.kafka_bootstrap_servers if self.kafka_public_servers is None else self.kafka_public_servers

    @property
    def hosts(self) -> frozenset[str]:
        public = urlsplit(self.public_url or "").hostname
        return super().hosts | ({public} if public else set())


class ProvisionSettings(BaseSettings, TopicSettings):
    """What the verb `provision` needs: where the topics are."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True)


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S], secrets_dir: Path = SECRETS_DIR, *, prefix: str | None = None) -> S:
    """Reads the settings. Raises Misconfigured, which names each wrong environment variable.

    `prefix` takes the place of the class' own, for one that the services share.
    """
    prefix = settings.model_config.get("env_prefix", "") if prefix is None else prefix
    try:
        return settings(_secrets_dir=secrets_dir if secrets_dir.is_dir() else None, _env_prefix=prefix)
    except ValidationError as error:
        problems = {
            f"{_variable(settings, prefix, str(e['loc'][0])) if e['loc'] else settings.__name__}"
            f" {'is missing' if e['type'] == 'missing' else 'is wrong: ' + e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_url=False, include_input=False, include_context=False)
        }
        raise Misconfigured("\n".join(sorted(problems))) from None
    except SettingsError as error:
        raise Misconfigured(str(error)) from None


def _variable(settings: type[BaseSettings], prefix: str, name: str) -> str:
    """The environment variable behind a field, which errors name by its own name or by its alias."""
    for field_name, field in settings.model_fields.items():
        alias = field.validation_alias
        names = {field_name, *([alias] if isinstance(alias, str) else [])}
        if isinstance(alias, AliasChoices):
            names |= {str(choice) for choice in alias.choices}
        if name.lower() in {k.lower() for k in names}:
            first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
            return str(first or f"{prefix}{field_name}").upper()
    return name.upper()
