"""One merchant: its authorities, its API, and how requests to it are treated."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, field_validator

from connector.settings.base import Section
from connector.settings.fields import (
    Authority,
    ConfiguredPath,
    Flag,
    Kind,
    Name,
    NotEmpty,
    Status,
    Text,
    Unique,
    UpstreamUrl,
    Url,
    Version,
    configured_path,
)
from connector.settings.gateway import CallerRates, Timeout
from connector.settings.terms import OPERATION_NAMES, Operations, Platforms
from connector.settings.units import parse_duration, shown
from connector.settings.urls import without_default_port

# What a raw path may hold without a percent sign, less the characters of sub-delims that only
# ids have (ucp-rules section 7).
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9\-._~]+"
_PREFIX = re.compile(rf"/|(?:/{_SEGMENT})+")
_TEMPLATE = re.compile(rf"(?:/(?:{_SEGMENT}|\{{[a-z][a-z0-9_]*\}}))+")
_OPERATION = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _prefix(value: object) -> str | None:
    if value is None or value == "off":
        return None
    if not isinstance(value, str) or _PREFIX.fullmatch(value) is None:
        raise ValueError(
            f"{shown(value)} is neither off nor a path such as /ucp/v1:"
            " it begins with a slash and does not end with one"
        )
    return "" if value == "/" else value


def _operation_name(name: str) -> str:
    if _OPERATION.fullmatch(name) is None:
        raise ValueError(f"{shown(name)} is not a name of lower-case letters, digits and _")
    if name in OPERATION_NAMES:
        raise ValueError(f"{name} is an operation of the protocol itself")
    return name


def _template(path: str) -> str:
    if _TEMPLATE.fullmatch(path) is None:
        raise ValueError(f"{shown(path)} is not a path such as /things/{{id}}/do")
    return path


def _public_path(path: str) -> str:
    if path == "/" or _PREFIX.fullmatch(path) is None:
        raise ValueError(f"{shown(path)} is not a path such as /.well-known/ucp/shopping.json")
    return path


def _leaf_source(value: object, info: ValidationInfo) -> Path | Literal["upstream"]:
    return "upstream" if value == "upstream" else configured_path(value, info)


Prefix = Annotated[str | None, PlainValidator(_prefix), Kind("path or `off`")]
PublicPath = Annotated[Text, AfterValidator(_public_path), Kind("path")]
LeafSource = Annotated[
    Path | Literal["upstream"], PlainValidator(_leaf_source), Kind("path or `upstream`")
]


class Endpoints(Section):
    """The path prefixes of the transports, as the merchant's profile names them."""

    rest: Prefix = "/ucp/v1"
    """Where the REST operations begin; `/` is the root, `off` closes it."""
    mcp: Prefix = "/ucp/mcp"
    """Where MCP is served (docs/mcp.md); `off` closes it."""
    insecure_last_event_id: Flag = False
    """Unsafe where the MCP server sends events again to whoever names one: passes `Last-Event-ID`,
    which is not bound to the platform that was sent the event; the server has to see to that."""


class Extension(Section):
    """An operation that the protocol itself does not have."""

    name: Annotated[Text, AfterValidator(_operation_name), Kind("name")]
    """How tiers, decisions and the merchant see it, and the name of its tool over MCP."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    """Its HTTP method."""
    path: Annotated[Text, AfterValidator(_template), Kind("path template")]
    """Its path below the REST endpoint; `{id}` is one segment."""
    kind: Literal["read", "write"]
    """A `write` needs an Idempotency-Key; a `read` changes nothing and needs none."""


class Upstream(Section):
    """The merchant's own API."""

    url: UpstreamUrl
    """Scheme, host and port; the received target is forwarded exactly as it is."""
    connect_timeout: Timeout = parse_duration("2s")
    """How long a connection may take, TLS included."""
    response_timeout: Timeout = parse_duration("30s")
    """How long the API may take to answer."""
    idempotent: Flag = False
    """The API honours Idempotency-Key itself, so a write of unknown outcome may be sent again."""
    preserve_host: Flag = True
    """Forwards the Host that the platform sent; else that of `url`."""
    refusals: Annotated[tuple[Status, ...], Unique] = (429,)
    """Statuses with which the API promises that it has done nothing."""


class Profile(Section):
    """The merchant's own profile, which the gateway publishes."""

    source: Literal["upstream", "file"] = "upstream"
    """Where `/.well-known/ucp` is read from: the merchant's API, or `file`."""
    file: ConfiguredPath | None = None
    """The profile, where `source` is `file`."""
    leaves: dict[PublicPath, LeafSource] = Field(default_factory=dict)
    """Further public documents: the path of each, and the file that it is read from; `upstream`
    reads it from the merchant's API at that path."""


class MerchantPlatforms(Platforms):
    """Which platforms a merchant serves, and where more of them are listed."""

    directory: ConfiguredPath | None = None
    """A folder with one registration in each file: the settings of one of `registered`, in a file
    whose name ends in `.yaml` or `.yml` and does not begin with a dot. Changed files are followed
    within a second; put them in place whole, by renaming."""
    discovered_operations: Operations = "all"
    """What of `tiers.discovered.operations` platforms of that tier may ask for here: `all` of it,
    or a list of names. A registration's own `operations` stand instead."""
    signature_agent: Literal["off", "same_as_ucp_agent"] = "off"
    """Whether keys are looked up by `Signature-Agent`, too. `off`: every key is in the profile that
    `UCP-Agent` names. `same_as_ucp_agent`: a `web-bot-auth` signature's key is where its member of
    `Signature-Agent` says, which must name the very URL that `UCP-Agent` does, else
    `profile_not_trusted`; `type=cimd` and `type=directory` work then. Keys found at another URL
    never speak for that of `UCP-Agent`, so no value lets them."""


class Enforcement(Section):
    """Whether decisions are carried out or only told."""

    signatures: Literal["enforce", "insecure_observe"] = "enforce"
    """`insecure_observe` is unsafe: it forwards requests that do not verify, marked as such."""
    rates: Literal["enforce", "observe"] = "enforce"
    """`observe` counts and tells, but refuses nobody."""


class Validation(Section):
    """Checking request bodies against the protocol's schemas (docs/validation.md)."""

    requests: Literal["off", "report", "enforce"] = "off"
    """`report` tells the operator of a bad body and forwards it, `enforce` refuses it with
    `malformed_request`; `enforce` needs a schema for each of the merchant's `versions`, and there
    is one for 2026-08-25 only. Both need the package's extra `validation`."""
    unknown_fields: Literal["allow", "refuse"] = "allow"
    """Whether fields are bad that neither a schema nor a capability of the merchant's profile
    knows."""
    known_fields: tuple[Text, ...] = ()
    """Names of further fields that are known wherever they stand: those of the merchant's own."""


class Responses(Section):
    """Signing answers."""

    sign: Flag = True
    """Signs every answer to a verified request that fits `store.max_replayable_body`, and publishes
    the keys in the profile, its leaves and `/.well-known/http-message-signatures-directory`."""
    bind_request: Flag = False
    """Signs what was asked along with the answer (RFC 9421, section 2.4): method, authority, path,
    query, and the request's signature."""


class MerchantSigning(Section):
    """A merchant's own keys."""

    keys: ConfiguredPath | None = None
    """A private JWK set; by default that of `signing.keys`."""


class Merchant(Section):
    """A merchant. The authority of a request alone decides which one it is for."""

    id: Name
    """Its name in decisions, metrics and the store; never change it."""
    scheme: Literal["https", "http"] = "https"
    """The scheme under which platforms reach it: it decides the default port."""
    authorities: Annotated[tuple[Authority, ...], NotEmpty]
    """The values of Host that name this merchant; each may stand with one merchant only."""
    versions: Annotated[tuple[Version, ...], NotEmpty, Unique] = (
        "2026-08-25",
        "2026-04-08",
    )
    """The protocol versions that it speaks."""
    endpoints: Endpoints = Endpoints()
    operations: tuple[Extension, ...] = ()
    """Operations beyond the protocol's own."""
    upstream: Upstream
    profile: Profile = Profile()
    platforms: MerchantPlatforms = MerchantPlatforms()
    enforcement: Enforcement = Enforcement()
    validation: Validation = Validation()
    responses: Responses = Responses()
    continue_url: Url | None = None
    """Where a buyer can go on when the agent cannot; sent along with errors."""
    path_ids: Literal["plain", "encoded"] = "plain"
    """`encoded` takes `;` and percent-encoded octets in path ids."""
    rates: CallerRates = CallerRates()
    signing: MerchantSigning = MerchantSigning()

    @field_validator("authorities")
    @classmethod
    def _one_form(cls, authorities: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        # "scheme" stands before it; where that is malformed its own error is enough.
        scheme = info.data.get("scheme", "https")
        return tuple(without_default_port(authority, scheme) for authority in authorities)
