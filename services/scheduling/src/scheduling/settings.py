"""Every knob of the scheduling service."""

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from `SCHEDULING_…`, and `KAFKA_…` for what all services share."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULING_")

    http_port: int = 8002
