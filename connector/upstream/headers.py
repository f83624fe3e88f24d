"""Which header lines go to the merchant, which come back, and what the connector adds: pure.

Received lines keep their order, spelling and value. What is dropped is dropped in every spelling
of case and of ``_`` for ``-``, because CGI, WSGI and their like show both to the merchant's code
as one name. What the connector says itself is appended, so nobody else can have said it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from connector.upstream.trace_context import is_traceparent, new_traceparent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connector.steps import Caller, RawHeaders

_MEMO_NAMES: Final = 4096
_MEMO_NAME_LENGTH: Final = 64
"""Bounds of what is remembered of names that strangers choose: 256 KiB."""

_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))


class Rule(IntEnum):
    """What happens to a line of this name."""

    KEEP = 0
    DROP = 1
    HOST = 2
    LENGTH = 3
    CODING = 4
    """Transfer-Encoding: dropped; the body goes on with a length."""
    ACCEPT_ENCODING = 5
    TRACEPARENT = 6
    TRACESTATE = 7
    CONNECTION = 8


# RFC 9110 section 7.6.1. Whatever else Connection might name, the ingress has refused.
_HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_NEVER_FORWARDED: Final = _HOP_BY_HOP | {
    b"forwarded",
    b"x-real-ip",
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x-original-url",
    b"x-rewrite-url",
    b"http2-settings",
    b"expect",
    b"audit-id",
}
_PREFIXES_NEVER_FORWARDED: Final = (b"proxy-", b"x-forwarded-", b"ucp-verified")
_FORWARDED_BY_RULE: Final = {
    b"host": Rule.HOST,
    b"content-length": Rule.LENGTH,
    b"transfer-encoding": Rule.CODING,
    b"accept-encoding": Rule.ACCEPT_ENCODING,
    b"traceparent": Rule.TRACEPARENT,
    b"tracestate": Rule.TRACESTATE,
}
_NEVER_RETURNED: Final = _HOP_BY_HOP | {b"content-length", b"audit-id"}
_PREFIXES_NEVER_RETURNED: Final = (b"proxy-", b"ucp-verified")


class _Rules(dict[bytes, Rule]):
    """The rule of each name as spelled, decided once: one look-up per line."""

    def __init__(self, decide: Callable[[bytes], Rule]) -> None:
        super().__init__()
        self._decide = decide

    def __missing__(self, name: bytes) -> Rule:
        rule = self._decide(name)
        if len(name) <= _MEMO_NAME_LENGTH:
            if len(self) >= _MEMO_NAMES:
                self.clear()
            self[name] = rule
        return rule


def _forwarding_rule(name: bytes) -> Rule:
    lower = name.lower()
    if lower in _FORWARDED_BY_RULE:
        return _FORWARDED_BY_RULE[lower]
    plain = lower.replace(b"_", b"-")
    if plain == b"accept-encoding":
        return Rule.ACCEPT_ENCODING
    if plain in _FORWARDED_BY_RULE or plain in _NEVER_FORWARDED:
        return Rule.DROP
    return Rule.DROP if plain.startswith(_PREFIXES_NEVER_FORWARDED) else Rule.KEEP


def _returning_rule(name: bytes) -> Rule:
    plain = name.lower().replace(b"_", b"-")
    if plain == b"connection":
        return Rule.CONNECTION
    dropped = plain in _NEVER_RETURNED or plain.startswith(_PREFIXES_NEVER_RETURNED)
    return Rule.DROP if dropped else Rule.KEEP


_FORWARDING: Final = _Rules(_forwarding_rule)
_RETURNING: Final = _Rules(_returning_rule)


# What the connector says


def verified_block(caller: Caller, operation: str) -> bytes:
    """Return the lines that tell the merchant who is asking for what.

    Constant for a caller's key and an operation, so worth keeping. The identity is a URL and
    stays as it is, but for what is no visible ASCII; in the other values ``%`` is encoded too, so
    that no two of them look alike.
    """
    values = (
        ("", "true"),
        ("-Identity", quote(caller.identity, safe=_VISIBLE)),
        ("-Keyid", _visible(caller.keyid)),
        ("-Thumbprint", _visible(caller.thumbprint)),
        ("-Scheme", _visible(caller.scheme)),
        ("-Tier", _visible(caller.tier)),
        ("-Version", _visible(caller.version)),
        ("-Operation", _visible(operation)),
    )
    return "".join(f"UCP-Verified{name}: {value}\r\n" for name, value in values).encode("ascii")


def forwarded_block(scheme: str, authority: str) -> bytes:
    """Return the lines that tell by which scheme and authority the merchant was called."""
    return (
        f"X-Forwarded-Proto: {_visible(scheme)}\r\nX-Forwarded-Host: {_visible(authority)}\r\n"
    ).encode("ascii")


def _visible(text: str) -> str:
    return quote(text, safe=_VISIBLE.replace("%", ""))


# Towards the merchant


def forward_head(
    method: str,
    target: str,
    headers: Iterable[tuple[bytes, bytes]],
    body_length: int,
    *,
    host: bytes | None,
    verified: bytes,
    forwarded: bytes,
    client: str,
    audit_id: str,
    keyed_write: bool,
    random_bytes: Callable[[int], bytes],
) -> bytes:
    """Return the head of a verified request, from the request line to the empty line.

    ``host`` replaces the received Host value, None keeps it. ``verified`` and ``forwarded`` are
    the blocks above. ``random_bytes(n)`` is asked only where a trace begins here. Raises
    ValueError where the lines are not what the wire guard lets through.
    """
    ours = _OURS_ON_A_KEYED_WRITE if keyed_write else _OURS
    parts, replaced = _received_lines(method, target, headers, body_length, host, ours)
    parts.append(verified)
    traces = [value for rule, _name, value in replaced if rule is Rule.TRACEPARENT]
    # More than one traceparent is none (section 3.2), and tracestate is nothing without it.
    if len(traces) == 1 and is_traceparent(traces[0]):
        parts += (b"traceparent: ", traces[0], b"\r\n")
        for rule, name, value in replaced:
            if rule is Rule.TRACESTATE:
                parts += (name, b": ", value, b"\r\n")
    else:
        parts += (b"traceparent: ", new_traceparent(random_bytes), b"\r\n")
    if keyed_write:
        # What is recorded must suit every platform that asks again.
        parts.append(b"Accept-Encoding: identity\r\n")
    said = f"Audit-ID: {_visible(audit_id)}\r\nX-Forwarded-For: {_visible(client)}\r\n"
    parts += (said.encode("ascii"), forwarded, b"\r\n")
    return b"".join(parts)


def observed_head(
    method: str,
    target: str,
    headers: Iterable[tuple[bytes, bytes]],
    body_length: int,
    *,
    host: bytes | None,
) -> bytes:
    """Return the head of a request that nobody verified (``insecure_observe``).

    It carries ``UCP-Verified: false`` and nothing else of ours, and nothing that poses as ours.
    """
    parts, _ = _received_lines(method, target, headers, body_length, host, frozenset())
    parts.append(b"UCP-Verified: false\r\n\r\n")
    return b"".join(parts)


_OURS: Final = frozenset({Rule.TRACEPARENT, Rule.TRACESTATE})
_OURS_ON_A_KEYED_WRITE: Final = _OURS | {Rule.ACCEPT_ENCODING}


def _received_lines(
    method: str,
    target: str,
    headers: Iterable[tuple[bytes, bytes]],
    body_length: int,
    host: bytes | None,
    ours: frozenset[Rule],
) -> tuple[list[bytes], list[tuple[Rule, bytes, bytes]]]:
    """Return the request line and the lines that go on, and aside the lines that ``ours`` names."""
    parts = [f"{method} {target} HTTP/1.1\r\n".encode("latin-1")]
    replaced: list[tuple[Rule, bytes, bytes]] = []
    hosts = lengths = codings = 0
    for name, value in headers:
        rule = _FORWARDING[name]
        if rule is Rule.KEEP:
            parts += (name, b": ", value, b"\r\n")
        elif rule is Rule.HOST:
            hosts += 1
            parts += (name, b": ", value if host is None else host, b"\r\n")
        elif rule is Rule.LENGTH:
            lengths += 1
            if int(value) != body_length:
                raise ValueError("Content-Length is not the body's length")
            parts += (name, b": ", value, b"\r\n")
        elif rule is Rule.CODING:
            codings += 1
        elif rule in ours:
            replaced.append((rule, name, value))
        elif rule is not Rule.DROP:
            parts += (name, b": ", value, b"\r\n")
    if hosts != 1 or lengths + codings > 1:
        raise ValueError("a request has one Host and at most one framing")
    # RFC 9112 section 6.3: without a length there is no body, and a GET without one needs none.
    if not lengths and (body_length or (codings and method != "GET")):
        parts.append(b"Content-Length: %d\r\n" % body_length)
    return parts, replaced


# Towards the platform


def answer_headers(headers: RawHeaders) -> RawHeaders:
    """Return the lines of a merchant's answer that go back; the ingress frames it anew.

    Dropped are hop-by-hop lines, with all that its Connection names (RFC 9110 section 7.6.1),
    the framing, and names that only the connector may use.
    """
    kept: RawHeaders = []
    named: set[bytes] = set()
    for line in headers:
        rule = _RETURNING[line[0]]
        if rule is Rule.KEEP:
            kept.append(line)
        elif rule is Rule.CONNECTION:
            named.update(token.strip() for token in line[1].lower().split(b","))
    named -= _CONNECTION_OPTIONS
    return [line for line in kept if line[0].lower() not in named] if named else kept


_CONNECTION_OPTIONS: Final = frozenset({b"", b"close"}) | _HOP_BY_HOP
