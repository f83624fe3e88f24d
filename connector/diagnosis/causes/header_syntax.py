"""Signature headers that do not parse, or not to what was meant (RFC 9421 section 4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError, Signature
from canonical.base64 import decode, decode_url
from canonical.signatures import read_member
from connector.diagnosis.causes.cause import LIKELY, PROVEN, Finding, table
from connector.diagnosis.causes.evidence import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.causes.evidence import Evidence

CAUSES: Final = table(
    (
        "cavage-signature",
        "The request is signed by the old draft (Signature: keyId=...,headers=...).",
        "Sign by RFC 9421, with Signature-Input and Signature.",
        "RFC 9421 section 4",
    ),
    (
        "older-scheme",
        "The request is signed by an older scheme, which this merchant does not take from it.",
        "Sign by RFC 9421, or have the merchant register the older scheme (here: --allow).",
        "UCP signatures (2026-01-23)",
    ),
    (
        "unsigned",
        "The request carries no signature at all; a proxy may have dropped the headers.",
        "Send Signature-Input and Signature, and let every proxy pass them on.",
        "RFC 9421 section 4",
    ),
    (
        "one-signature-header",
        "Only one of Signature-Input and Signature arrived.",
        "Send both; look for a proxy that drops header lines it does not know.",
        "RFC 9421 section 4",
    ),
    (
        "label-mismatch",
        "Signature-Input and Signature use different labels.",
        "Use one label in both headers.",
        "RFC 9421 section 4",
    ),
    (
        "label-upper-case",
        "The label begins with, or has, a capital letter.",
        "Write labels in lower case: sig1.",
        "RFC 9651 section 3.2",
    ),
    (
        "label-repeated",
        "One label occurs twice in a signature header: two layers signed the same request.",
        "Sign once, or give each signature its own label.",
        "RFC 9421 section 4",
    ),
    (
        "components-quoted-wrongly",
        "The components in Signature-Input are not quoted strings with spaces between them.",
        'List them in double quotes, one space between them: ("@method" "@path").',
        "RFC 9421 section 4.1",
    ),
    (
        "parameters-written-wrongly",
        "A parameter in Signature-Input is quoted, named or separated wrongly.",
        'Write ;created=1767225600;keyid="...": integers bare, strings in double quotes.',
        "RFC 9421 section 2.3",
    ),
    (
        "signature-input-malformed",
        "Signature-Input is no dictionary of inner lists.",
        'Write label=("@method" ...);created=...;keyid="...".',
        "RFC 9421 section 4.1",
    ),
    (
        "too-many-signatures",
        "The request carries more signatures than are looked at.",
        "Send at most four; look for layers that each sign again.",
        "RFC 9421 section 7.2",
    ),
    (
        "signature-malformed",
        "The Signature header is no dictionary of byte sequences.",
        "Write label=:base64: and nothing else.",
        "RFC 9421 section 4.2",
    ),
)

_MAX_TEXT: Final = 8192
_MAX_MEMBERS: Final = 4
_MEMBER: Final = re.compile(r"([A-Za-z0-9_*.\-]+) ?= ?(?=\()")
_VALUE: Final = re.compile(r"([A-Za-z0-9_*.\-]+) ?= ?(:?)([\"']?)([A-Za-z0-9+/_\-]+=*)\3:?")
_ITEM: Final = re.compile(r"[\"']?(@?[A-Za-z0-9_.\-]+)[\"']?((?:;[a-z]+(?:=\"[^\"]*\")?)*)")
_PARAMETER: Final = re.compile(r"([A-Za-z]+) ?= ?(?:\"([^\"]*)\"|'([^']*)'|([^;,\s]+))")
_INTEGERS: Final = frozenset({"created", "expires"})
_NUMBER: Final = re.compile(r"(-?[0-9]{1,15})(?:\.[0-9]+)?")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{192})")


class Mended(NamedTuple):
    """A signature as it was probably meant, and what had to be mended for it."""

    causes: tuple[str, ...]
    signature: Signature


def mended_signatures(evidence: Evidence) -> Iterator[Mended]:
    """Yield what the signature headers may have meant; the one at hand, as it is, comes first."""
    inputs, values = evidence.value("signature-input"), evidence.value("signature")
    if evidence.signature is not None:
        yield Mended((), evidence.signature)
        yield from _mended(
            evidence.signature.label, evidence.signature.member, (), evidence.signature.value
        )
        return
    if len(inputs) + len(values) > _MAX_TEXT:
        return
    members = _members(inputs)[:_MAX_MEMBERS]
    octets = [_octets(match) for match in _VALUE.finditer(values)][:_MAX_MEMBERS]
    for label, text in members:
        for other, causes, value in octets:
            if label == other:
                extra = ("label-upper-case",) if label.lower() != label else ()
            elif label.lower() == other.lower():
                extra = ("label-upper-case",)
            elif len(members) == len(octets) == 1:
                extra = ("label-mismatch",)
            else:
                continue
            yield from _mended(label.lower(), text, (*extra, *causes), value)


def _members(text: str) -> list[tuple[str, str]]:
    starts = list(_MEMBER.finditer(text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    # One end too many where there is no member at all.
    return [
        (start[1], text[start.end() : end].rstrip(", "))
        for start, end in zip(starts, ends, strict=False)
    ]


def _mended(label: str, text: str, causes: tuple[str, ...], value: bytes) -> Iterator[Mended]:
    """Yield the member as it is where it can be read, and as it was probably meant."""
    first = _signature(label, text, text, value)
    if first is not None and causes:
        yield Mended(causes, first)
    more, written = _rewritten(text)
    if not more:
        return
    # A signer that writes the header wrongly writes the base rightly or as wrongly.
    for member in (written, text):
        signature = _signature(label, written, member, value)
        if signature is not None:
            yield Mended((*causes, *more), signature)


def _signature(label: str, readable: str, member: str, value: bytes) -> Signature | None:
    try:
        components, listed, parameters, _ = read_member(readable)
    except CanonicalError:
        return None
    return Signature(label, components, parameters, value, member, listed)


def _rewritten(text: str) -> tuple[tuple[str, ...], str]:
    """Write a member as it was probably meant; the causes are empty where nothing changes."""
    causes: list[str] = []
    listed, _, rest = text.partition(")")
    items = [match.groups() for match in _ITEM.finditer(listed[1:])]
    spelled = " ".join(f'"{name}"{parameters}' for name, parameters in items)
    if spelled != listed[1:]:
        causes.append("components-quoted-wrongly")
    lower = " ".join(f'"{name.lower()}"{parameters}' for name, parameters in items)
    if lower != spelled:
        causes.append("field-names-capitalised")
    parameters = "".join(map(_parameter, _PARAMETER.finditer(rest)))
    if parameters != rest:
        causes.append("parameters-written-wrongly")
    return tuple(causes), f"({lower}){parameters}"


def _parameter(match: re.Match[str]) -> str:
    name = match[1].lower()
    value = match[2] or match[3] or match[4] or ""
    if name in _INTEGERS:
        number = _NUMBER.fullmatch(value)
        return f";{name}={number[1] if number else value}"
    return f';{name}="{value}"'


def _octets(match: re.Match[str]) -> tuple[str, tuple[str, ...], bytes]:
    """Read one member of Signature: its label, what is wrong with it, and the octets."""
    label, colon, quote, text = match.groups()
    causes = () if colon and not quote else ("signature-without-colons",)
    if _HEX.fullmatch(text):
        return label, (*causes, "signature-hex"), bytes.fromhex(text)
    try:
        return label, causes, decode(text)
    except CanonicalError:
        pass  # Tried as base64url.
    try:
        url = text.rstrip("=").replace("+", "-").replace("/", "_")
        return label, (*causes, "signature-base64url"), decode_url(url)
    except CanonicalError:
        return label, causes, b""


def likely(evidence: Evidence) -> Iterator[Finding]:
    """Tell from the look of the headers what is wrong with them."""
    inputs, values = evidence.value("signature-input"), evidence.value("signature")
    old = values + evidence.value("authorization")[:_MAX_TEXT]
    if not inputs and re.search(r"keyId ?=", old):
        yield Finding("cavage-signature", LIKELY, "keyId= without Signature-Input")
    elif not inputs and not values:
        if evidence.has("scheme_not_allowed"):
            yield Finding("older-scheme", PROVEN, "Request-Signature without Signature-Input")
        elif evidence.has("signature_missing"):
            yield Finding("unsigned", LIKELY)
    elif not inputs or not values:
        alone = "Signature-Input" if inputs else "Signature"
        yield Finding("one-signature-header", LIKELY, f"{alone} stands alone")
    if evidence.has("too_many"):
        yield Finding("too-many-signatures", PROVEN)
    if inputs and values and evidence.has("malformed", "label_mismatch"):
        yield from _malformed(evidence, inputs[:_MAX_TEXT], values[:_MAX_TEXT])


def _malformed(evidence: Evidence, inputs: str, values: str) -> Iterator[Finding]:
    members = _members(inputs)
    octets = [_octets(match) for match in _VALUE.finditer(values)]
    found = list(_labels([label for label, _ in members], [label for label, _, _ in octets]))
    for _, causes, _ in octets:
        found += [Finding(cause, LIKELY) for cause in causes]
    for label, text in members:
        causes, written = _rewritten(text)
        detail = f"probably meant: {shown(f'{label}={written}')}"
        found += [Finding(cause, LIKELY, detail) for cause in causes]
    if found:
        yield from found
        return
    # The check says at which octet it cannot be read.
    explanation = next(
        (fault.explanation for fault in evidence.faults if fault.reason == "malformed"), ""
    )
    of_input = not members or explanation.startswith("Signature-Input")
    yield Finding(
        "signature-input-malformed" if of_input else "signature-malformed", LIKELY, explanation
    )


def _labels(inputs: list[str], values: list[str]) -> Iterator[Finding]:
    for name, labels in (("Signature-Input", inputs), ("Signature", values)):
        if len(set(labels)) != len(labels):
            yield Finding("label-repeated", LIKELY, f"in {name}: {shown(', '.join(labels))}")
    if inputs and values and not set(inputs) & set(values):
        yield Finding(
            "label-mismatch",
            LIKELY,
            f"Signature-Input has {shown(', '.join(inputs))}, "
            f"Signature has {shown(', '.join(values))}",
        )
    if any(label != label.lower() for label in inputs + values):
        yield Finding("label-upper-case", LIKELY, shown(", ".join(inputs)))
