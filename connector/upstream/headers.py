"""Which header lines go to the merchant, which come back, and what the connector adds: pure.

Received lines keep their order, spelling and value. What is dropped is dropped in every spelling
of case and of ``_`` for ``-``, because CGI, WSGI and their like show both to the merchant's code
as one name. What the connector says itself is appended, so nobody else can have said it.
"""

from __future__ import annotations

from enum import IntEnum
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from connector.upstream.shapes import Shapes, names_of
from connector.upstream.trace_context import is_traceparent, new_traceparent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connector.steps import Caller, RawHeaders
    from connector.upstream.shapes import Names

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
# Answers are signed here (ucp-rules section 9): what the merchant's API signs or digests itself
# could contradict that, and would be lent to whatever the connector answers in its place.
_SIGNATURES: Final = frozenset({b"signature", b"signature-input", b"content-digest"})
# The rates that callers are told of are the connector's, which is all that the merchant sees.
_RATES: Final = frozenset({b"ratelimit", b"ratelimit-policy"})
_NEVER_RETURNED: Final = (
    _HOP_BY_HOP | _SIGNATURES | _RATES | {b"content-length", b"audit-id", b"idempotent-replayed"}
)
_PREFIXES_NEVER_RETURNED: Final = (b"proxy-", b"ucp-verified")


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


def forwarded_block(client: str, scheme: str, authority: str) -> bytes:
    """Return the lines that tell who called the merchant, by which scheme and authority."""
    return (
        f"X-Forwarded-For: {_visible(client)}\r\nX-Forwarded-Proto: {_visible(scheme)}\r\n"
        f"X-Forwarded-Host: {_visible(authority)}\r\n"
    ).encode("ascii")


def _visible(text: str) -> str:
    return quote(text, safe=_VISIBLE.replace("%", ""))


# Towards the merchant


class _Forwarded(NamedTuple):
    """What follows from the names of a request's lines; places are those of the received lines."""

    kept: tuple[bool, ...]
    """Of each line, whether it goes on in its place."""
    host: int
    length: int | None
    coded: bool
    """It had a Transfer-Encoding."""
    traces: tuple[int, ...]
    states: tuple[int, ...]


def forward_head(
    method: str,
    target: str,
    headers: Iterable[tuple[bytes, bytes]],
    body_length: int,
    *,
    host: bytes | None,
    verified: bytes,
    forwarded: bytes,
    audit_id: str,
    keyed_write: bool,
    random_bytes: Callable[[int], bytes],
    claim: bytes | None = None,
) -> bytes:
    """Return the head of a verified request, from the request line to the empty line.

    ``host`` replaces the received Host value, None keeps it. ``verified`` and ``forwarded`` are
    the blocks above. ``audit_id`` and ``claim``, the fencing token of a write, are the connector's
    own and go out as they are.
    ``random_bytes(n)`` is asked only where a trace begins here. Raises ValueError where the lines
    are not what the wire guard lets through.
    """
    lines = list(headers)
    plan = (_KEYED_WRITE if keyed_write else _VERIFIED)[names_of(lines)]
    # More than one traceparent is none (section 3.2), and tracestate is nothing without it.
    if len(plan.traces) == 1 and is_traceparent(lines[plan.traces[0]][1]):
        states = [b"%b: %b\r\n" % lines[place] for place in plan.states]
        trace = b"traceparent: %b\r\n%b" % (lines[plan.traces[0]][1], b"".join(states))
    else:
        trace = b"traceparent: %b\r\n" % new_traceparent(random_bytes)
    if not audit_id.isprintable():
        raise ValueError("an audit id is no text for a line")
    return b"".join(
        (
            _received(method, target, lines, plan, body_length, host),
            verified,
            b"" if claim is None else b"UCP-Verified-Claim: %b\r\n" % claim,
            trace,
            # What is recorded must suit every platform that asks again.
            b"Accept-Encoding: identity\r\n" if keyed_write else b"",
            f"Audit-ID: {audit_id}\r\n".encode("ascii"),
            forwarded,
            b"\r\n",
        )
    )


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
    lines = list(headers)
    received = _received(method, target, lines, _OBSERVED[names_of(lines)], body_length, host)
    return received + b"UCP-Verified: false\r\n\r\n"


def _received(
    method: str,
    target: str,
    lines: RawHeaders,
    plan: _Forwarded,
    body_length: int,
    host: bytes | None,
) -> bytes:
    """Return the request line and the lines that go on; ``lines`` may be changed."""
    length = b"\r\n"
    if plan.length is not None:
        if int(lines[plan.length][1]) != body_length:
            raise ValueError("Content-Length is not the body's length")
    elif body_length or (plan.coded and method != "GET"):
        # RFC 9112 section 6.3: without a length there is no body; a GET without one needs none.
        length = b"\r\nContent-Length: %d\r\n" % body_length
    if host is not None:
        lines[plan.host] = (lines[plan.host][0], host)
    kept = b"\r\n".join(map(_as_line, compress(lines, plan.kept)))
    return b"".join((f"{method} {target} HTTP/1.1\r\n".encode("latin-1"), kept, length))


_as_line: Final = b": ".join

_OURS: Final = frozenset({Rule.TRACEPARENT, Rule.TRACESTATE})


def _plan_forwarding(names: Names, *, ours: frozenset[Rule]) -> _Forwarded:
    """Decide on a request's lines; those that ``ours`` names are replaced by the connector's."""
    rules = [_forwarding_rule(name) for name in names]
    places: dict[Rule, list[int]] = {rule: [] for rule in Rule}
    for place, rule in enumerate(rules):
        places[rule].append(place)
    if len(places[Rule.HOST]) != 1 or len(places[Rule.LENGTH] + places[Rule.CODING]) > 1:
        raise ValueError("a request has one Host and at most one framing")
    gone = ours | {Rule.DROP, Rule.CODING}
    return _Forwarded(
        kept=tuple(rule not in gone for rule in rules),
        host=places[Rule.HOST][0],
        length=places[Rule.LENGTH][0] if places[Rule.LENGTH] else None,
        coded=bool(places[Rule.CODING]),
        traces=tuple(places[Rule.TRACEPARENT]),
        states=tuple(places[Rule.TRACESTATE]),
    )


_VERIFIED: Final = Shapes(partial(_plan_forwarding, ours=_OURS))
_KEYED_WRITE: Final = Shapes(partial(_plan_forwarding, ours=_OURS | {Rule.ACCEPT_ENCODING}))
_OBSERVED: Final = Shapes(partial(_plan_forwarding, ours=frozenset()))


# Towards the platform


class _Returned(NamedTuple):
    """What follows from the names of an answer's lines."""

    kept: tuple[bool, ...]
    connections: tuple[int, ...]
    """The places of the Connection lines."""


def answer_headers(headers: RawHeaders) -> RawHeaders:
    """Return the lines of a merchant's answer that go back; the ingress frames it anew.

    Dropped are hop-by-hop lines, with all that its Connection names (RFC 9110 section 7.6.1),
    the framing, and names that only the connector may use.
    """
    kept, connections = _RETURNING[names_of(headers)]
    lines = list(compress(headers, kept))
    for place in connections:
        options = headers[place][1]
        if options not in _USUAL_OPTIONS:
            named = {token.strip() for token in options.lower().split(b",")} - _CONNECTION_OPTIONS
            lines = [line for line in lines if line[0].lower() not in named]
    return lines


def _plan_returning(names: Names) -> _Returned:
    rules = [_returning_rule(name) for name in names]
    return _Returned(
        kept=tuple(rule is Rule.KEEP for rule in rules),
        connections=tuple(at for at, rule in enumerate(rules) if rule is Rule.CONNECTION),
    )


_RETURNING: Final = Shapes(_plan_returning)

_CONNECTION_OPTIONS: Final = frozenset({b"", b"close"}) | _HOP_BY_HOP
_USUAL_OPTIONS: Final = frozenset({b"keep-alive", b"Keep-Alive", b"close"})
"""Values that name nothing else."""
