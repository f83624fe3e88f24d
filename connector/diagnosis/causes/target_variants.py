"""What mistaken signers put for method, authority, path and query (RFC 9421 section 2.2)."""

from __future__ import annotations

import re
from itertools import permutations
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus, urlencode

from connector.diagnosis.causes.cause import table
from connector.diagnosis.causes.draft import value_edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.causes.draft import Draft, Edit
    from connector.diagnosis.causes.evidence import Evidence

    Values = Iterator[tuple[str, str]]

CAUSES: Final = table(
    (
        "method-lower-case",
        "The signer wrote the method in another case than it is sent in.",
        "Put the method into the base exactly as it stands on the request line.",
        "RFC 9421 section 2.2.1",
    ),
    (
        "method-rewritten",
        "The request was signed with another method than it arrived with.",
        "Sign the method that is sent, and let no proxy or override header change it.",
        "RFC 9421 section 2.2.1",
    ),
    (
        "default-port-kept",
        "The signer left the scheme's default port in the authority.",
        "Leave :443 out with https and :80 with http.",
        "RFC 9421 section 2.2.3",
    ),
    (
        "port-dropped",
        "The signer left out a port that is not the scheme's default.",
        "Keep every port but the default one in @authority (in most libraries host, not hostname).",
        "RFC 9421 section 2.2.3",
    ),
    (
        "authority-upper-case",
        "The signer kept capital letters in the authority.",
        "Write the host in lower case in the base.",
        "RFC 9421 section 2.2.3",
    ),
    (
        "authority-is-url",
        "The signer put a URL where the authority alone belongs.",
        "Put host and non-default port into @authority, without scheme and path.",
        "RFC 9421 section 2.2.3",
    ),
    (
        "host-rewritten",
        "A proxy sent another Host than the one that was signed.",
        "Let the proxy preserve Host, or have the gateway read X-Forwarded-Host from it.",
        "RFC 9421 section 2.2.3",
    ),
    (
        "path-decoded",
        "The signer put the decoded path into the base.",
        "Sign the path as it is sent, percent-encoding included.",
        "RFC 9421 section 2.2.6",
    ),
    (
        "path-re-encoded",
        "The signer, or a proxy, encoded the path anew.",
        "Sign the very octets of the path that are sent, and let no proxy normalise them.",
        "RFC 9421 section 2.2.6",
    ),
    (
        "path-lower-case",
        "The signer wrote the path in lower case.",
        "Sign the path as it is sent: its case counts.",
        "RFC 9421 section 2.2.6",
    ),
    (
        "trailing-slash",
        "The signed path and the one that arrived differ in a slash at the end, or a doubled one.",
        "Sign the path that is sent; look for a client or proxy that adds or drops slashes.",
        "RFC 9421 section 2.2.6",
    ),
    (
        "query-in-path",
        "The signer put the query into @path.",
        "End @path before the question mark, and cover @query.",
        "RFC 9421 section 2.2.6",
    ),
    (
        "path-is-url",
        "The signer put the whole URL into @path.",
        "Put the absolute path alone into @path.",
        "RFC 9421 section 2.2.6",
    ),
    (
        "path-below-endpoint",
        "The signer left out the path that the endpoint itself has.",
        "Sign the whole path of the request, not the one relative to the endpoint.",
        "RFC 9421 section 2.2.6",
    ),
    (
        "path-prefix-removed",
        "The path that was signed has a prefix that did not arrive.",
        "Let the proxy in front pass the path on unchanged.",
        "RFC 9421 section 2.2.6",
    ),
    (
        "query-without-question-mark",
        "The signer wrote @query without its question mark.",
        "Begin @query with the question mark.",
        "RFC 9421 section 2.2.7",
    ),
    (
        "empty-query",
        "The signer and the request differ over a query with nothing in it.",
        "Write an absent or empty query as a single question mark.",
        "RFC 9421 section 2.2.7",
    ),
    (
        "query-reordered",
        "The signer, or a proxy, brought the query's parameters into another order.",
        "Sign the query exactly as it is sent, without sorting it.",
        "RFC 9421 section 2.2.7",
    ),
    (
        "query-decoded",
        "The signer put the decoded query into the base.",
        "Sign the query as it is sent, percent-encoding included.",
        "RFC 9421 section 2.2.7",
    ),
    (
        "query-re-encoded",
        "The signer, or a proxy, encoded the query anew (a space as + or %20, for example).",
        "Sign the very octets of the query that are sent.",
        "RFC 9421 section 2.2.7",
    ),
    (
        "query-parameter-added",
        "A parameter of the query was added after the request was signed.",
        "Sign last; let no client or proxy add parameters.",
        "RFC 9421 section 2.2.7",
    ),
    (
        "scheme-differs",
        "The signer and the gateway take different schemes, as behind a proxy that ends TLS.",
        "Set the merchant's scheme to the one that callers use, and sign that one.",
        "RFC 9421 section 2.2.4",
    ),
    (
        "target-uri-incomplete",
        "The signer left a part of the URL out of @target-uri.",
        "Put the whole URL into @target-uri: scheme, authority, path and query.",
        "RFC 9421 section 2.2.2",
    ),
    (
        "request-target-with-method",
        "The signer wrote the request target as older drafts did: the method, a space, the path.",
        "Put the request target alone into the line; better, cover @method, @path and @query.",
        "RFC 9421 section 2.2.5",
    ),
)

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PREFIXES: Final = ("/api", "/api/v1", "/v1", "/ucp", "/ucp/v1", "/api/ucp", "/shop")
_FORWARDED_HOST: Final = re.compile(r'host="?([^";,]+)', re.IGNORECASE)
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
# encodeURIComponent, encodeURI and what RFC 3986 section 3.3 allows in a segment.
_SAFE: Final = ("/", "/!'()*", "/;,?:@&=+$!*'()", "/:@!$&'()*+,;=")
_MAX_PERMUTED: Final = 4
_MAX_ADDED: Final = 16


def edits(draft: Draft, evidence: Evidence) -> Iterator[Edit]:
    """Yield the values that mistaken signers put for the derived components of a request."""
    for number, line in enumerate(draft.lines):
        name = line.identifier.strip('"')
        if line.value is None:
            if name == "@authority":  # two Host lines, for example
                for host in evidence.lines("host"):
                    yield value_edit("host-rewritten", number, host.lower())
            continue
        found = _VARIANTS.get(name)
        if found is None:
            continue
        for cause, value in found(line.value, evidence):
            if value != line.value:
                yield value_edit(cause, number, value, common=cause != "method-rewritten")


def _method(value: str, _: Evidence) -> Values:
    yield "method-lower-case", value.lower()
    yield "method-lower-case", value.upper()
    yield "method-lower-case", value.capitalize()
    for method in _METHODS:
        yield "method-rewritten", method


def _authority(value: str, evidence: Evidence) -> Values:
    for host in evidence.lines("host"):
        cause = "authority-upper-case" if host.lower() == value else "default-port-kept"
        yield cause, host
    yield "authority-upper-case", value.upper()
    yield "authority-upper-case", value.title()
    host, colon, port = value.rpartition(":")
    if colon and port.isdigit():
        yield "port-dropped", host
    else:
        own, other = ("443", "80") if evidence.request.scheme == "https" else ("80", "443")
        yield "default-port-kept", f"{value}:{own}"
        yield "default-port-kept", f"{value}:{other}"
    yield "authority-is-url", f"{evidence.request.scheme}://{value}"
    yield "authority-is-url", f"{evidence.request.scheme}://{value}/"
    forwarded = evidence.lines("x-forwarded-host") + evidence.lines("x-original-host")
    forwarded += _FORWARDED_HOST.findall(evidence.value("forwarded"))
    for line in forwarded:
        for name in line.split(","):
            yield "host-rewritten", name.strip().lower()


def _path(value: str, evidence: Evidence) -> Values:
    decoded = unquote(value)
    yield "path-decoded", decoded
    for safe in _SAFE:
        yield "path-re-encoded", quote(decoded, safe=safe)
    yield from (("path-re-encoded", text) for text in _other_escapes(value))
    yield "path-re-encoded", value.replace("%", "%25")
    yield "trailing-slash", value + "/"
    yield "trailing-slash", value.rstrip("/")
    yield "trailing-slash", value.replace("//", "/")
    yield "path-lower-case", value.lower()
    yield "query-in-path", evidence.request.target
    for scheme in ("https", "http"):
        for host in evidence.lines("host"):
            yield "path-is-url", f"{scheme}://{host}{value}"
            yield "path-is-url", f"{scheme}://{host}{evidence.request.target}"
    endpoint = evidence.endpoint.rstrip("/")
    if endpoint and value.startswith(endpoint):
        yield "path-below-endpoint", value[len(endpoint) :]
    for field in ("x-original-uri", "x-original-url", "x-rewrite-url", "x-envoy-original-path"):
        for line in evidence.lines(field):
            yield "path-prefix-removed", line.partition("?")[0]
    for prefix in (*evidence.lines("x-forwarded-prefix"), *_PREFIXES):
        yield "path-prefix-removed", prefix.rstrip("/") + value


def _query(value: str, _: Evidence) -> Values:
    query = value[1:]
    if not query:
        yield "empty-query", ""
        return
    yield "query-without-question-mark", query
    parts = query.split("&")
    yield "query-reordered", "?" + "&".join(sorted(parts))
    yield "query-reordered", "?" + "&".join(sorted(parts, key=lambda part: part.partition("=")[0]))
    yield "query-reordered", "?" + "&".join(reversed(parts))
    if 2 < len(parts) <= _MAX_PERMUTED:
        for order in permutations(parts):
            yield "query-reordered", "?" + "&".join(order)
    yield "query-decoded", unquote(value)
    yield "query-decoded", unquote_plus(value)
    pairs = parse_qsl(query, keep_blank_values=True)
    yield "query-re-encoded", "?" + urlencode(pairs)
    yield "query-re-encoded", "?" + urlencode(pairs, quote_via=quote)
    yield "query-re-encoded", "?" + urlencode(pairs, quote_via=quote, safe="!'()*")
    yield "query-re-encoded", "?" + urlencode(pairs, quote_via=quote_plus, safe=":/,@")
    yield "query-re-encoded", value.replace("+", "%20")
    yield "query-re-encoded", value.replace("%20", "+")
    yield "query-re-encoded", value.replace("%", "%25")
    yield from (("query-re-encoded", text) for text in _other_escapes(value))
    # The last one first: what is added later stands there.
    for number in reversed(range(max(0, len(parts) - _MAX_ADDED), len(parts))):
        left = parts[:number] + parts[number + 1 :]
        yield "query-parameter-added", "?" + "&".join(left)


def _other_escapes(value: str) -> Iterator[str]:
    yield _ESCAPE.sub(lambda match: match[0].lower(), value)
    yield _ESCAPE.sub(lambda match: match[0].upper(), value)


def _scheme(value: str, _: Evidence) -> Values:
    yield "scheme-differs", "http" if value == "https" else "https"
    yield "scheme-differs", value.upper()


def _target_uri(value: str, evidence: Evidence) -> Values:
    scheme, _, rest = value.partition("://")
    authority, slash, target = rest.partition("/")
    other = "http" if scheme == "https" else "https"
    yield "scheme-differs", f"{other}://{rest}"
    for cause, variant in _authority(authority, evidence):
        if cause != "authority-is-url":
            yield cause, f"{scheme}://{variant}{slash}{target}"
    yield "target-uri-incomplete", value.partition("?")[0]
    yield "target-uri-incomplete", slash + target
    yield "target-uri-incomplete", rest
    yield "path-decoded", unquote(value)
    yield "trailing-slash", value.rstrip("/")


def _request_target(value: str, evidence: Evidence) -> Values:
    method = evidence.request.method
    yield "request-target-with-method", f"{method.lower()} {value}"
    yield "request-target-with-method", f"{method} {value}"
    for host in evidence.lines("host"):
        yield "path-is-url", f"{evidence.request.scheme}://{host}{value}"


_VARIANTS: Final = {
    "@method": _method,
    "@authority": _authority,
    "@path": _path,
    "@query": _query,
    "@scheme": _scheme,
    "@target-uri": _target_uri,
    "@request-target": _request_target,
}
