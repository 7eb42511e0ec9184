"""Every knob of the reporting service."""

from dataclasses import dataclass

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Pace:
    """How streams move: constants, no knobs; only a test, which is impatient, sets others. In seconds."""

    interval: float = 0.25  # between two readings of a campaign, at least
    heartbeat: float = 15  # of silence, until a stream says that it is alive
    poll: float = 1  # until revisions are read without being notified


class Settings(ServiceSettings):
    """Read from `REPORTING_…`, and `KAFKA_…` for what all services share."""

    model_config = SettingsConfigDict(env_prefix="REPORTING_")

    http_port: int = 8003
    pace: Pace = Pace()
