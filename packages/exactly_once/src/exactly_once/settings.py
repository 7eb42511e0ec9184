"""What a service must know about Kafka; mixed into each service's own settings."""

from typing import Annotated

from cryptography.fernet import Fernet
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, SecretStr


def _fernet_key(key: SecretStr) -> SecretStr:
    try:
        Fernet(key.get_secret_value())
    except ValueError:
        raise ValueError("must be 32 bytes in base64url, with padding") from None
    return key


class KafkaSettings(BaseModel):
    """Knobs of consumer, relay and dead letters, each with its unit."""

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
    dead_letter_key: Annotated[
        SecretStr,
        AfterValidator(_fernet_key),
        Field(description="Fernet key (base64url, 32 bytes): a dead letter may hold what should never be readable."),
    ]
    replication_factor: Annotated[
        int,
        Field(
            ge=1,
            validation_alias=AliasChoices("KAFKA_REPLICATION_FACTOR", "replication_factor"),
            description="Of topics that the verb provision creates.",
        ),
    ] = 1
    preflight_deadline: Annotated[float, Field(gt=0, description="Seconds until a start without Kafka gives up.")] = 30
    max_records: Annotated[int, Field(ge=1, description="Records a batch, at most.")] = 5000
    batch_wait_ms: Annotated[int, Field(ge=1, description="Milliseconds an empty poll waits.")] = 10
    session_timeout_ms: Annotated[int, Field(ge=1000, description="A silent owner loses its partitions after it.")] = (
        6000
    )
    guard_interval: Annotated[float, Field(gt=0, description="Seconds between two looks of the position guard.")] = 10
    stall_limit: Annotated[float, Field(gt=0, description="Seconds until a partition that stands still is said.")] = 60
    flood_window: Annotated[int, Field(ge=1, description="Records looked back on for a flood of bad ones.")] = 1000
    flood_limit: Annotated[int, Field(ge=1, description="Bad records in the window that stop the consumer.")] = 50
    flood_in_a_row: Annotated[int, Field(ge=1, description="Bad records in a row that stop the consumer.")] = 20
    relay_batch: Annotated[int, Field(ge=1, description="Outbox rows published at once.")] = 2000
    relay_poll: Annotated[float, Field(gt=0, description="Seconds until the relay looks without being told.")] = 0.5
    relay_idle_limit: Annotated[float, Field(gt=0, description="Seconds until a frozen relay loses its lock.")] = 8
    progress_interval: Annotated[float, Field(gt=0, description="Seconds between two `progress` events.")] = 1
    send_timeout: Annotated[float, Field(gt=0, description="Seconds until a send counts as unknown.")] = 20
