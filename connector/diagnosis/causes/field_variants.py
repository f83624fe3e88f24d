"""What mistaken signers, and proxies, make of a covered field (RFC 9421 section 2.1)."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from canonical import CanonicalError, serialize
from canonical.field_types import FIELD_TYPES
from connector.diagnosis.causes.cause import table
from connector.diagnosis.causes.digest_forms import digest_values
from connector.diagnosis.causes.draft import LINES, VALUE, Edit, value_edit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector.diagnosis.causes.draft import Draft
    from connector.diagnosis.causes.evidence import Evidence

    Values = Iterator[tuple[str, str]]

CAUSES: Final = table(
    (
        "covered-field-missing",
        "The signature covers a field that did not arrive; proxies remove or rename some.",
        "Cover no field that a proxy may touch (traceparent, Accept-Encoding, Connection...).",
        "RFC 9421 sections 2.5 and 7.2.3",
    ),
    (
        "absent-field-skipped",
        "The signer listed a field that it did not send, and left its line out of the base.",
        "List only the fields that are sent: a listed field that is absent is an error.",
        "RFC 9421 section 2.5",
    ),
    (
        "absent-field-signed",
        "The signer put an empty or made-up value for a field that it did not send.",
        "List only the fields that are sent: a listed field that is absent is an error.",
        "RFC 9421 section 2.5",
    ),
    (
        "proxy-changed-field",
        "A covered field arrived with another value than was signed; proxies change this one.",
        "Cover only what UCP asks for, and have proxies leave those fields alone.",
        "RFC 9421 section 7.2.3",
    ),
    (
        "header-doubled",
        "A covered header arrived more often than it was signed.",
        "Send it once; look for a client library, agent or proxy that adds its own line.",
        "RFC 9421 section 2.1",
    ),
    (
        "lines-joined-otherwise",
        "The signer joined several lines of one field otherwise than with a comma and a space.",
        "Join the values in order with a comma and one space.",
        "RFC 9421 section 2.1",
    ),
    (
        "value-not-trimmed",
        "The signer kept white space around a field's value.",
        "Strip white space from both ends of each value before it goes into the base.",
        "RFC 9421 section 2.1",
    ),
    (
        "value-respaced",
        "The white space within a field's value is not the one that was signed.",
        "Sign the value exactly as it is sent, inner spaces included.",
        "RFC 9421 section 2.1",
    ),
    (
        "value-quotes-changed",
        "The quotes in a field's value are not those that were signed.",
        "Put the value into the base as it is sent: quotes are part of it.",
        "RFC 9421 section 2.1",
    ),
    (
        "value-case-changed",
        "The signer changed the case of a field's value.",
        "Only the names of fields become lower-case in the base, never the values.",
        "RFC 9421 section 2.1",
    ),
    (
        "value-reserialised",
        "The signer wrote a structured field anew instead of taking it as it is sent.",
        "Without the parameter sf, the base has the value as it is sent.",
        "RFC 9421 section 2.1.1",
    ),
    (
        "content-type-charset",
        "Content-Type has a charset that was not signed, or lacks one that was.",
        "Set Content-Type before signing; HTTP libraries like to add or drop the charset.",
        "RFC 9421 section 2.1",
    ),
    (
        "digest-written-otherwise",
        "The signed Content-Digest is the same digest in another form than the one sent.",
        "Put the header's value into the base as it is sent.",
        "RFC 9530 section 2",
    ),
    (
        "agent-url-only",
        "The signer put the profile URL alone into the line of ucp-agent.",
        'Put the whole value into the base: profile="https://...".',
        "RFC 9421 section 2.1",
    ),
)

# What clients commonly send and proxies commonly change.
_USUAL: Final = {
    "accept": ("*/*", "application/json"),
    "accept-encoding": (
        "identity",
        "gzip",
        "gzip, deflate",
        "gzip, deflate, br",
        "gzip, deflate, br, zstd",
        "br, gzip, deflate",
        "*",
    ),
    "connection": ("keep-alive", "close", "Keep-Alive"),
    "content-type": ("application/json",),
    "x-forwarded-proto": ("https", "http"),
}
_MADE_UP: Final = ("", "undefined", "null", "None")
_CHARSETS: Final = ("; charset=utf-8", ";charset=utf-8", "; charset=UTF-8", ";charset=UTF-8")
_PROFILE: Final = re.compile(r'profile="([^"]*)"')


def edits(draft: Draft, evidence: Evidence) -> Iterator[Edit]:
    """Yield the values that mistaken signers put for the fields of a message."""
    for number, line in enumerate(draft.lines):
        name = line.identifier.partition(";")[0].strip('"')
        if name.startswith("@"):
            continue
        if line.value is None:
            yield from _absent(number, name, evidence)
            continue
        for cause, value in _values(name, line.value, evidence):
            if value != line.value:
                yield value_edit(cause, number, value)


def _absent(number: int, name: str, evidence: Evidence) -> Iterator[Edit]:
    # Never together with another edit: those count the lines.
    yield Edit("absent-field-skipped", LINES, (VALUE, number), _skip(number), common=False)
    for value in _MADE_UP:
        yield value_edit("absent-field-signed", number, value)
    for value in (*_USUAL.get(name, ()), *_computed(name, evidence)):
        yield value_edit("covered-field-missing", number, value)


def _skip(number: int) -> Callable[[Draft], Draft]:
    return lambda draft: draft.without(number)


def _computed(name: str, evidence: Evidence) -> Iterator[str]:
    if name == "content-length":
        yield str(len(evidence.request.body))
    elif name == "host":
        yield from evidence.lines("x-forwarded-host")
    elif name == "content-digest":
        yield from digest_values(evidence.request.body)


def _values(name: str, value: str, evidence: Evidence) -> Values:
    lines = evidence.lines(name)
    if len(lines) > 1:
        for line in (lines[0], lines[-1]):
            yield "header-doubled", line
        for separator in (",", "; ", " ", ""):
            yield "lines-joined-otherwise", separator.join(lines)
    yield from _spaced(value)
    for text in (
        value.replace('"', ""),
        value.replace('"', "'"),
        f'"{value}"',
        value.replace('"', '\\"'),
    ):
        yield "value-quotes-changed", text
    yield "value-case-changed", value.lower()
    yield "value-case-changed", value.upper()
    parser = FIELD_TYPES.get(name)
    if parser is not None:
        # Where it is not of its type there is nothing that a signer could have rewritten.
        with suppress(CanonicalError):
            yield "value-reserialised", serialize(parser(value.encode("ascii")))
    if name == "content-type":
        bare = value.partition(";")[0].rstrip()
        yield "content-type-charset", bare
        for charset in _CHARSETS:
            yield "content-type-charset", bare + charset
    elif name == "content-digest":
        for text in digest_values(evidence.request.body):
            yield "digest-written-otherwise", text
    elif name == "ucp-agent":
        for url in _PROFILE.findall(value):
            yield "agent-url-only", url
    for text in (*_USUAL.get(name, ()), *_computed(name, evidence)):
        yield "proxy-changed-field", text


def _spaced(value: str) -> Values:
    yield "value-not-trimmed", f" {value}"
    yield "value-not-trimmed", f"{value} "
    yield "value-respaced", re.sub(r"[ \t]+", " ", value)
    yield "value-respaced", re.sub(r"[ \t]*([,;=])[ \t]*", r"\1", value)
    yield "value-respaced", re.sub(r"[ \t]*([,;])[ \t]*", r"\1 ", value)
