"""Without an issuer no service is open to a network; an issuer's address that cannot be trusted is none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet
from pydantic import ValidationError

from chassis.access import AccessSettings
from chassis.access.settings import require_closed
from exactly_once import Misconfigured

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "REPORTING_DATABASE_URL": "postgresql://reporting:none@127.0.0.1:1/reporting",
    "REPORTING_DATABASE_WAIT_SECONDS": "0",
    "REPORTING_DEAD_LETTER_KEY": Fernet.generate_key().decode(),
}


@pytest.mark.parametrize("verb", ["serve", "api", "worker", "relay"])
def test_open_to_the_network_without_an_issuer_is_a_wrong_configuration(verb: str) -> None:
    command = [sys.executable, "-m", "reporting", verb]
    env = ENVIRONMENT | {"REPORTING_HTTP_HOST": "0.0.0.0", "OIDC_ISSUER": ""}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    (line,) = done.stderr.splitlines()
    assert line.startswith("reporting: REPORTING_HTTP_HOST is 0.0.0.0, open to the network")
    assert done.returncode == 78


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_this_machine_alone_needs_no_issuer(host: str) -> None:
    require_closed(AccessSettings(), host, "X")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.7", "reporting", "127.0.0.1.example.org"])
def test_any_other_address_needs_one_or_a_word(host: str) -> None:
    with pytest.raises(Misconfigured, match=r"docs/access\.md"):
        require_closed(AccessSettings(), host, "X")
    require_closed(AccessSettings(oidc_issuer="https://login.example.org"), host, "X")
    require_closed(AccessSettings(open_ports="published-on-loopback"), host, "X")


@pytest.mark.parametrize("url", ["http://login.example.org", "login.example.org", "ftp://127.0.0.1", "https://", "x"])
def test_an_issuer_is_https_or_on_this_machine(url: str) -> None:
    with pytest.raises(ValidationError, match="must be an https address"):
        AccessSettings(oidc_issuer=url)
    assert AccessSettings(oidc_issuer="").oidc_issuer is None


def test_plain_http_over_a_network_of_ones_own_is_said_by_a_word() -> None:
    url = "http://keycloak:8080/realms/office"
    assert AccessSettings(oidc_issuer=url, oidc_plain_http="inner-network").oidc_issuer == url
    with pytest.raises(ValidationError, match="must be an https address"):
        AccessSettings(oidc_issuer="ftp://keycloak", oidc_plain_http="inner-network")
