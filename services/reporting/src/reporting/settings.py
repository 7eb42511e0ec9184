"""Every knob of the reporting service."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from exactly_once import KafkaSettings


class Settings(ServiceSettings, KafkaSettings):
    """Read from `REPORTING_…`, and `KAFKA_…` for what all services share."""

    model_config = SettingsConfigDict(env_prefix="REPORTING_", populate_by_name=True)

    http_port: int = 8003
    stream_interval: float = Field(default=0.25, gt=0, description="Seconds between two events of a stream, at least.")
    stream_heartbeat: float = Field(default=15, gt=0, description="Seconds of silence until a stream says it is alive.")
    stream_poll: float = Field(default=1, gt=0, description="Seconds until revisions are read without being told.")
