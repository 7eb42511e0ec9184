"""Every knob of the scheduling service."""

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from exactly_once import KafkaSettings


class Settings(ServiceSettings, KafkaSettings):
    """Read from `SCHEDULING_…`, and `KAFKA_…` for what all services share."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULING_", populate_by_name=True)

    http_port: int = 8002
