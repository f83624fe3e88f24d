"""What a single setting may hold: the kinds of value that the schema is made of.

Each kind checks and normalises one value, says in its error what was expected, and carries the
word (:class:`Kind`) under which the reference names it. Kinds for secrets never repeat the value.
"""

from __future__ import annotations

import re
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    ValidationInfo,
)

from canonical import CanonicalError
from canonical.base64 import decode, decode_url
from connector.settings.units import Rate, parse_duration, parse_rate, parse_size, shown
from connector.settings.urls import normalise_authority, normalise_url, upstream_origin

FOLDER: Final = "folder"
"""Key of the validation context: the folder that relative paths start from."""

_SECRET_OCTETS: Final = 32  # AES-256


class Kind(NamedTuple):
    """How the reference calls a kind of value."""

    name: str


def _date(text: str) -> str:
    try:
        well_formed = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None
        well_formed = well_formed and bool(date.fromisoformat(text))
    except ValueError:
        well_formed = False
    if not well_formed:
        raise ValueError(f"{shown(text)} is not a protocol version such as 2026-08-25")
    return text


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    try:
        if not isinstance(value, str):
            raise ValueError(value)  # noqa: TRY004, TRY301 - one message for both
        return ip_network(value)
    except ValueError:
        raise ValueError(
            f"{shown(value)} is not an address or network such as 10.0.0.0/8"
            " (no bit may be set behind the prefix)"
        ) from None


def configured_path(value: object, info: ValidationInfo) -> Path:
    """Return a path; a relative one starts from the folder in the validation's context."""
    if isinstance(value, str) and value and "\0" not in value:
        value = Path(value)
    if not isinstance(value, Path):
        raise ValueError("is not a path")  # noqa: TRY004 - pydantic collects ValueErrors
    folder = (info.context or {}).get(FOLDER)
    return value if folder is None else folder / value


def secret_octets(text: str) -> bytes:
    """Return the 32 octets of a key in base64 or base64url; ValueError, which never shows it."""
    for read in (decode, decode_url):
        try:
            octets = read(text)
        except CanonicalError:
            continue
        if len(octets) == _SECRET_OCTETS:
            return octets
    raise ValueError("is not 32 random octets in base64 (openssl rand -base64 32)")


def _secret_key(secret: SecretStr) -> SecretStr:
    secret_octets(secret.get_secret_value())
    return secret


def _matching(expression: str, expected: str) -> Any:
    pattern = re.compile(expression)

    def check(text: str) -> str:
        if pattern.fullmatch(text) is None:
            raise ValueError(f"{shown(text)} is not {expected}")
        return text

    return AfterValidator(check)


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = [value for index, value in enumerate(values) if value in values[:index]]
    if repeated:
        raise ValueError(f"{shown(str(repeated[0]))} stands twice")
    return values


def _not_empty(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("is empty")
    return values


Duration = Annotated[float, PlainValidator(parse_duration), Kind("duration")]
"""Seconds."""
Size = Annotated[int, PlainValidator(parse_size), Kind("size")]
"""Octets."""
RateSetting = Annotated[
    Rate, PlainValidator(parse_rate), PlainSerializer(str, when_used="json"), Kind("rate")
]

Flag = Annotated[bool, Field(strict=True), Kind("true or false")]
Text = Annotated[str, Field(strict=True, min_length=1), Kind("text")]
Port = Annotated[int, Field(strict=True, ge=0, le=65535), Kind("port")]
Count = Annotated[int, Field(strict=True, ge=0), Kind("whole number")]
Positive = Annotated[int, Field(strict=True, ge=1), Kind("whole number")]
Status = Annotated[int, Field(strict=True, ge=400, le=599), Kind("status code, 400 to 599")]

ConfiguredPath = Annotated[Path, PlainValidator(configured_path), Kind("path")]
"""Relative ones start from the configuration file's folder."""
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network), Kind("address or network")]

Host = Annotated[Text, _matching(r"[^\s/\[\]]+", "a host name or address"), Kind("host")]
Authority = Annotated[Text, AfterValidator(normalise_authority), Kind("host[:port]")]
"""Lower-case; a merchant's drops the default port of its scheme."""
Url = Annotated[Text, AfterValidator(normalise_url), Kind("URL")]
UpstreamUrl = Annotated[Text, AfterValidator(upstream_origin), Kind("http(s)://host[:port]")]
Version = Annotated[Text, AfterValidator(_date), Kind("date")]
Name = Annotated[
    Text,
    _matching(r"[a-z0-9][a-z0-9._\-]{0,63}", "a name of lower-case letters, digits and . _ -"),
    Kind("name"),
]
Instance = Annotated[
    Text,
    _matching(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}", "a name of letters, digits and . _ -"),
    Kind("name"),
]
Thumbprint = Annotated[
    Text, _matching(r"[A-Za-z0-9_\-]{43}", "an RFC 7638 thumbprint"), Kind("thumbprint")
]
SecretKey = Annotated[SecretStr, AfterValidator(_secret_key), Kind("32 octets in base64, secret")]

Unique = AfterValidator(_unique)
"""For lists in which nothing may stand twice."""

NotEmpty = AfterValidator(_not_empty)
"""For lists that need an element. A ``min_length`` would count only those that are well formed."""
