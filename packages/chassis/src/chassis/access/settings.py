"""Where tokens come from and what their claims are called."""

from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
)

from exactly_once.errors import Misconfigured


def is_loopback(host: str) -> bool:
    """Whether nothing but this machine reaches the address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_private(url: str, *, plain: bool) -> bool:
    """Whether nobody on the way changes what comes from there: https, or this machine; or `plain` http is allowed."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and (plain or is_loopback(host))))


def _issuer(url: str | None, info: ValidationInfo) -> str | None:
    if url and not is_private(url, plain=info.data.get("oidc_plain_http") == INNER_NETWORK):
        raise ValueError(
            "must be an https address, or http on this machine (OIDC_PLAIN_HTTP=inner-network allows http on a network "
            "that nobody else is on)"
        )
    return url


def _public(url: str | None) -> str | None:
    if url and not is_private(url, plain=True):
        raise ValueError("must be an address like https://terekam.example.go.id")
    return url


INNER_NETWORK: Final = "inner-network"


def _of_all(name: str) -> Any:
    return AliasChoices(name.upper(), name)


class AccessSettings(BaseModel):
    """Which issuer is believed. `OIDC_…`, the same for all services."""

    model_config = ConfigDict(populate_by_name=True)

    # Before the issuer, whose address is judged by it.
    oidc_plain_http: Annotated[
        Literal["refused", "inner-network"],
        Field(
            validation_alias=_of_all("oidc_plain_http"),
            description="`inner-network`: the issuer and its keys may be asked by plain http on another host, over a "
            "network that nobody else is on, as that between containers.",
        ),
    ] = "refused"
    oidc_issuer: Annotated[
        str | None,
        BeforeValidator(lambda value: value or None),
        AfterValidator(_issuer),
        Field(
            validation_alias=_of_all("oidc_issuer"),
            description="Address of the OpenID Connect issuer, as its tokens have it in `iss`. Without one a service "
            "is open to this machine, and listens there alone.",
        ),
    ] = None
    oidc_audience: Annotated[
        str, Field(validation_alias=_of_all("oidc_audience"), description="What tokens have in `aud`.")
    ] = "jemput-bola"
    oidc_name_claim: Annotated[str, Field(validation_alias=_of_all("oidc_name_claim"))] = "name"
    oidc_roles_claim: Annotated[
        str,
        Field(
            validation_alias=_of_all("oidc_roles_claim"),
            description="Claim with the roles; dots lead into objects, as `realm_access.roles`.",
        ),
    ] = "jb_roles"
    oidc_campaigns_claim: Annotated[str, Field(validation_alias=_of_all("oidc_campaigns_claim"))] = "jb_campaigns"
    oidc_schools_claim: Annotated[str, Field(validation_alias=_of_all("oidc_schools_claim"))] = "jb_schools"
    oidc_client_id: Annotated[
        str, Field(validation_alias=_of_all("oidc_client_id"), description="Of the pages, as the issuer knows them.")
    ] = "jemput-bola-pages"
    oidc_client_secret: Annotated[
        SecretStr | None, Field(validation_alias=_of_all("oidc_client_secret"), description="If the issuer gave one.")
    ] = None
    oidc_scope: Annotated[
        str,
        Field(
            validation_alias=_of_all("oidc_scope"),
            description="What pages ask for; an issuer may want one more, for an access token of `oidc_audience`.",
        ),
    ] = "openid profile"
    public_url: Annotated[
        str | None,
        AfterValidator(_public),
        Field(description="Where browsers see the service's pages, as https://terekam.example.go.id."),
    ] = None
    open_ports: Annotated[
        Literal["none", "published-on-loopback"],
        Field(
            validation_alias=_of_all("open_ports"),
            description="`published-on-loopback`: somebody else, as a container engine, sees to it that only this "
            "machine reaches the port, so that it may listen on any address without an issuer.",
        ),
    ] = "none"


def require_closed(settings: AccessSettings, host: str, variable: str) -> None:
    """Without an issuer only this machine may reach the service. Raises Misconfigured."""
    if settings.oidc_issuer is None and settings.open_ports == "none" and not is_loopback(host):
        raise Misconfigured(
            f"{variable} is {host}, open to the network, and OIDC_ISSUER is missing: without an issuer everybody may "
            "do everything, so listen on 127.0.0.1 or name one (docs/access.md)"
        )
