"""Every knob of the enrollment service."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from enrollment.identity.sealed_messages import from_base64
from exactly_once.settings import Tuning


def _of_32_bytes(value: SecretStr) -> SecretStr:
    if len(from_base64(value.get_secret_value().encode()) or b"") != 32:
        raise ValueError("must be 32 bytes in base64url")
    return value


class Settings(ServiceSettings):
    """Read from `ENROLLMENT_…`, and `KAFKA_…` for what all services share."""

    model_config = SettingsConfigDict(env_prefix="ENROLLMENT_")

    http_port: int = 8001
    master_key: Annotated[
        SecretStr,
        AfterValidator(_of_32_bytes),
        Field(description="32 bytes in base64url. Whoever has it and the database can read every NIK: keep it apart."),
    ]
    tuning: Tuning = Tuning(max_records=500)  # each submission costs a signature

    @property
    def master_key_bytes(self) -> bytes:
        return from_base64(self.master_key.get_secret_value().encode()) or b""
