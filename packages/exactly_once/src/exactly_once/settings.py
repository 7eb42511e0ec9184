"""What a service must know about Kafka; mixed into each service's own settings."""

from dataclasses import dataclass
from typing import Annotated

from cryptography.fernet import Fernet
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, SecretStr


def _fernet_key(key: SecretStr) -> SecretStr:
    try:
        Fernet(key.get_secret_value())
    except ValueError:
        raise ValueError("must be 32 bytes in base64url, with padding") from None
    return key


@dataclass(frozen=True, slots=True)
class Tuning:
    """Measured constants, no knobs: only a test, which is impatient, sets others. In seconds unless it says ms."""

    preflight_deadline: float = 30  # a start without Kafka gives up
    max_records: int = 5000  # a batch: writing a larger one to PostgreSQL would hold up the loop
    session_timeout_ms: int = 6000  # a silent owner loses its partitions
    guard_interval: float = 10  # between two looks of the position guard
    stall_limit: float = 60  # a partition that stands still is told of
    relay_batch: int = 2000  # outbox rows published at once
    relay_poll: float = 0.5  # the relay looks without being notified
    relay_idle_limit: float = 8  # a frozen relay loses its lock
    progress_interval: float = 1  # between two `progress` events
    send_timeout: float = 20  # the result of a send counts as unknown
    kept_of_sender: int = (
        2_000  # bad records of one sender that do not count towards a flood; beyond it they are counted
    )
    kept_of_senders: int = 10_000  # of all together


class TopicSettings(BaseModel):
    """Where the topics are: all that making them needs."""

    model_config = ConfigDict(populate_by_name=True)

    kafka_bootstrap_servers: Annotated[
        str,
        Field(
            validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS", "kafka_bootstrap_servers"),
            description="host:port, comma separated.",
        ),
    ]
    topic_prefix: Annotated[
        str,
        Field(
            validation_alias=AliasChoices("KAFKA_TOPIC_PREFIX", "topic_prefix"),
            description="Put before every topic's and group's name: several systems on one cluster.",
        ),
    ] = ""
    replication_factor: Annotated[
        int,
        Field(
            ge=1,
            validation_alias=AliasChoices("KAFKA_REPLICATION_FACTOR", "replication_factor"),
            description="Of topics that the verb provision creates.",
        ),
    ] = 1
    tuning: Tuning = Tuning()


class KafkaSettings(TopicSettings):
    """What consumer, relay and dead letters are told from outside."""

    dead_letter_key: Annotated[
        SecretStr,
        AfterValidator(_fernet_key),
        Field(description="Fernet key (base64url, 32 bytes): a dead letter may hold what should never be readable."),
    ]
