"""Settings: where they come from, and what a person reads when they are wrong."""

from pathlib import Path

import pytest
from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ProcessSettings, load
from exactly_once import Misconfigured

URL = "postgresql://tiny:s3cret-word@db:5432/tiny"


class Mixin(BaseModel):
    servers: str = Field(validation_alias=AliasChoices("SERVERS_OF_ALL", "servers"))
    key: SecretStr = SecretStr("")


class Settings(Mixin, ProcessSettings):
    model_config = SettingsConfigDict(env_prefix="TINY_")

    limit: int = Field(default=5, ge=1)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TINY_DATABASE_URL": URL, "TINY_HTTP_PORT": "8100", "SERVERS_OF_ALL": "k:9092"}.items():
        monkeypatch.setenv(name, value)


def test_the_environment_is_read_with_the_prefix_and_aliases_without() -> None:
    settings = load(Settings)
    assert (settings.dsn, settings.owner_dsn, settings.http_port, settings.servers) == (URL, URL, 8100, "k:9092")


def test_a_secret_may_be_a_file_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny_migration_database_url").write_text(URL.replace("tiny:", "owner:") + "\n")
    (tmp_path / "tiny_http_port").write_text("1")
    settings = load(Settings, tmp_path)
    assert settings.owner_dsn == URL.replace("tiny:", "owner:")
    assert settings.http_port == 8100


def test_every_problem_is_a_line_that_names_the_variable_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_DATABASE_URL", "mysql://u:s3cret-word@h/d")
    monkeypatch.setenv("TINY_HTTP_PORT", "99999-s3cret")
    monkeypatch.setenv("TINY_LOG_FORMAT", "s3cret")
    monkeypatch.delenv("SERVERS_OF_ALL")
    with pytest.raises(Misconfigured) as caught:
        load(Settings)
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == [
        "SERVERS_OF_ALL",
        "TINY_DATABASE_URL",
        "TINY_HTTP_PORT",
        "TINY_LOG_FORMAT",
    ]
    assert lines[0] == "SERVERS_OF_ALL is missing"
    assert "must be a URL like postgresql://" in lines[1]
    assert "s3cret" not in str(caught.value)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("url", ["", "postgresql://", "postgresql://h", "http://h/d", "postgresql://h:port/d"])
def test_urls_that_are_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_DATABASE_URL", url)
    with pytest.raises(Misconfigured, match="TINY_DATABASE_URL is wrong"):
        load(Settings)


def test_no_secret_is_in_the_text_of_settings() -> None:
    assert "s3cret" not in repr(load(Settings)) + str(load(Settings))
