"""The records of the audit log, as strict models and as a published JSON Schema: pure.

``python -m connector.audit.records [FILE]`` writes the schema, by default to
docs/audit-record.schema.json. What each member means is in docs/audit-log.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from canonical import CanonicalError, canonicalize
from canonical.jcs import parse_json
from connector.audit.segment import MOST_RECORD

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET: Final = Path("docs/audit-record.schema.json")

_BASE64: Final = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_HASHED: Final = r"^h[1-9][0-9]{0,5}:[A-Za-z0-9_-]{21}[AQgw]$"
_UUID7: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
_DATE: Final = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"
_LARGEST: Final = (1 << 53) - 1
"""Of a number in canonical JSON (RFC 8785 section 3.2.2.3, RFC 7493 section 2.2)."""
_HASH_TEXT: Final = {"sha-256": 44, "sha-384": 64}
"""Characters of a hash in base64."""


def _text(most: int) -> Any:
    """Bound a text of one line."""
    return Field(max_length=most, pattern=r"^[^\x00-\x1f\x7f]+$")


Time = Annotated[str, Field(pattern=rf"^{_DATE}T{_CLOCK}\.[0-9]{{9}}Z$")]
Order = Annotated[str, Field(pattern=r"^(?:0|[1-9][0-9]{0,19})$")]
AuditId = Annotated[str, Field(pattern=_UUID7)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Word = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,64}$")]
Line = Annotated[str, _text(1024)]
Hashed = Annotated[str, Field(pattern=_HASHED)]
Sealed = Annotated[str, Field(pattern=r"^e:[0-9a-f]{8}:[A-Za-z0-9+/]+={0,2}$", max_length=6144)]
Digest = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/=_:-]{16,128}$")]
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
Seconds = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
Status = Annotated[int, Field(ge=100, le=599)]
Coordinate = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43,64}$")]


class _Object(BaseModel):
    """An object with the members named here and no others."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )


class PublicKey(_Object):
    """A public JWK (RFC 7517)."""

    kty: Literal["EC", "OKP"]
    crv: Literal["P-256", "P-384", "Ed25519"]
    x: Coordinate
    y: Coordinate | None = None
    kid: Annotated[str, Field(max_length=512)] | None = None
    use: Literal["sig"] | None = None
    alg: Literal["ES256", "ES384", "EdDSA", "Ed25519"] | None = None


class Caller(_Object):
    """Who proved to have sent a request, and how."""

    identity: Annotated[str, _text(2048)]
    """The normalised profile URL."""
    keyid: Annotated[str, _text(512)]
    thumbprint: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """RFC 7638, SHA-256, base64url."""
    scheme: Literal["rfc9421", "detached-jws", "talos"]
    label: Annotated[str, _text(512)] | None = None
    """Of the signature; an older scheme has none."""
    tier: Name
    version: Name
    """The protocol version that the platform speaks."""
    key: PublicKey | None = None


class Signature(_Object):
    """What the caller signed with, enough to verify it again."""

    value: Annotated[str, Field(pattern=_BASE64, min_length=88, max_length=128)]
    """The raw octets: r||s of ECDSA."""
    hash: Literal["sha-256", "sha-384", "none"]
    """Of the signature base; ``none`` for Ed25519, which signs the base itself."""
    base_hash: Annotated[str, Field(pattern=_BASE64, min_length=44, max_length=64)] | None = None
    base: Sealed | None = None
    created: Seconds | None = None
    expires: Seconds | None = None

    @model_validator(mode="after")
    def _fits(self) -> Signature:
        if _HASH_TEXT.get(self.hash) != (None if self.base_hash is None else len(self.base_hash)):
            raise ValueError("base_hash does not fit hash")
        return self


class Asked(_Object):
    """What was asked for, without what could name a person."""

    method: Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$")]
    operation: Annotated[str, _text(128)]
    kind: Literal["read", "write"]
    path: Annotated[str, _text(2048)]
    query: (
        Annotated[list[tuple[Annotated[str, _text(128)], Hashed]], Field(max_length=64)]
        | Hashed
        | None
    ) = None
    octets: Count
    idempotency_key: Hashed | None = None


class Decision(_Object):
    """What was decided before the request was sent, and by which rule."""

    result: Word
    rule: Annotated[str, _text(2304)]
    settings: Digest
    claim: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    over_rate: Line | None = None
    code: Word | None = None
    """Of a refusal that was only observed."""
    reason: Line | None = None


class _Record(_Object):
    v: Literal[1]
    time: Time
    order: Order


class Received(_Record):
    """A request that is about to be sent."""

    type: Literal["received"]
    audit_id: AuditId
    merchant: Name
    caller: Caller | None = None
    """Nobody, where a request is forwarded unverified."""
    signature: Signature | None = None
    request: Asked
    peer: Hashed
    decision: Decision

    @model_validator(mode="after")
    def _has_evidence(self) -> Received:
        proven = self.caller is not None and self.caller.key is not None
        if proven != (self.signature is not None) or (self.caller is not None and not proven):
            raise ValueError("a caller, its key and its signature belong together")
        return self


class Completed(_Record):
    """What became of a request."""

    type: Literal["completed"]
    audit_id: AuditId
    merchant: Name
    status: Status | None = None
    decision: Literal["accept", "replay", "reject", "observe"] | None = None
    code: Word | None = None
    reason: Line | None = None
    outcome: Literal["answered", "not_sent", "unknown", "streamed"]
    octets: Count | None = None
    duration: Count | None = None
    """Nanoseconds."""
    recovered: Literal[True] | None = None
    """It was closed at the next start."""


class Denied(_Record):
    """A refusal before anything was received for the log."""

    type: Literal["denied"]
    audit_id: AuditId
    merchant: Name | None = None
    """Nobody's, where the authority named none."""
    operation: Annotated[str, _text(128)] | None = None
    status: Status
    code: Word
    reason: Line
    peer: Hashed
    caller: Caller | None = None


class DeniedMany(_Record):
    """Refusals that there was no room to tell of one by one."""

    type: Literal["denied"]
    merchant: Name | None = None
    count: Annotated[int, Field(ge=1, le=_LARGEST)]
    since: Time
    until: Time
    address_class: Annotated[Word, Field(alias="class")]
    code: Word


Detail = (
    Annotated[str, Field(max_length=1024)]
    | Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
    | bool
    | Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=256)]
)


class Administration(_Record):
    """What an operator, or the gateway by itself, did to claims, keys or the log."""

    type: Literal["administration"]
    action: Literal[
        "resolve_claim",
        "prune",
        "segment_abandoned",
        "keys_changed",
        "settings_changed",
        "registry_changed",
        "revoked_changed",
        "platform_keys_changed",
    ]
    by: Annotated[str, _text(256)]
    details: Annotated[dict[Name, Detail], Field(max_length=32)]


class OpenedKeys(_Object):
    """The keys of a log at its opening, by what is public of them."""

    checkpoint: Annotated[list[Annotated[str, _text(512)]], Field(min_length=1, max_length=32)]
    """The vkeys of all that sign."""
    redaction: Annotated[
        list[Annotated[str, Field(pattern=r"^h[1-9][0-9]{0,5}$")]],
        Field(min_length=1, max_length=32),
    ]
    """The first one hashes."""
    evidence: Annotated[
        list[Annotated[str, Field(pattern=r"^e:[0-9a-f]{8}$")]],
        Field(min_length=1, max_length=32),
    ] | None = None  # fmt: skip
    """The first one seals."""


class Opened(_Record):
    """A process began to write."""

    type: Literal["opened"]
    origin: Annotated[str, _text(255)]
    software: Annotated[str, _text(128)]
    settings: Digest
    keys: OpenedKeys
    torn: Count | None = None
    orphans: Count | None = None


class Closed(_Record):
    """A process has written all that it had to write."""

    type: Literal["closed"]
    records: Count
    """This record's own index."""


def _tag(value: Any) -> str | None:
    found = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if found == "denied" and isinstance(value, dict) and "count" in value:
        return "denied_many"
    return found if isinstance(found, str) else None


Record = Annotated[
    Annotated[Received, Tag("received")]
    | Annotated[Completed, Tag("completed")]
    | Annotated[Denied, Tag("denied")]
    | Annotated[DeniedMany, Tag("denied_many")]
    | Annotated[Administration, Tag("administration")]
    | Annotated[Opened, Tag("opened")]
    | Annotated[Closed, Tag("closed")],
    Discriminator(_tag),
]

_ADAPTER: Final[TypeAdapter[Record]] = TypeAdapter(Record)


class RecordError(ValueError):
    """Octets that are no record; the text names members and never shows a value."""


def parse_record(octets: bytes) -> Record:
    """Return the record that an entry of the log is; raises RecordError.

    It must be in canonical form, of a type and version known here, and have no further members.
    """
    if len(octets) > MOST_RECORD:
        raise RecordError(f"a record has at most {MOST_RECORD} octets")
    try:
        value = parse_json(octets)
        canonical = canonicalize(value)
    except CanonicalError as error:
        raise RecordError(str(error)) from None
    if canonical != octets:
        raise RecordError("not in canonical form (RFC 8785)")
    if _has_null(value):
        raise RecordError("a member is null: what does not apply is left out")
    try:
        return _ADAPTER.validate_json(octets)
    except ValidationError as error:
        raise RecordError(_described(error)) from None


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, list) else value is None


def _described(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # A member's name, too, comes from the record.
    where = ascii(".".join(str(each) for each in first["loc"])[:96])[1:-1]
    said = "not of a known type" if first["type"].startswith("union_tag") else first["msg"]
    return f"{where}: {said}" if where else said


def schema() -> dict[str, Any]:
    """Return the JSON Schema of one record."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ucp-connector-audit-record:1",
        "title": "A record of the audit log, version 1",
        "description": "Generated from the models by `python -m connector.audit.records`;"
        " docs/audit-log.md tells what each member means.",
        **_tidied(_ADAPTER.json_schema()),
    }


def _tidied(node: Any) -> Any:
    """Take out null, which no member is, and the titles, which only repeat names."""
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {
        name: _tidied(value)
        for name, value in node.items()
        if not (name == "default" and value is None)
        and not (name == "title" and type(value) is str)
    }
    choices = kept.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        left = [each for each in choices if each != {"type": "null"}]
        if len(left) == 1 and "$ref" not in left[0]:
            del kept["anyOf"]
            kept = {**left[0], **kept}
        else:
            kept["anyOf"] = left
    return kept


def main(arguments: Sequence[str]) -> None:
    """Write the schema."""
    target = Path(arguments[0]) if arguments else TARGET
    target.write_text(f"{json.dumps(schema(), indent=1)}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
