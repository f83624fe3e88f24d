"""What is refused before a signature is looked at: authority, target, header lines."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.recipes import (
    AGENT,
    DIGEST,
    GET,
    HOST,
    KEY,
    POST,
    TYPE,
    Case,
    Recipe,
    Topic,
    append,
    change,
    put,
)

_AUTHORITY: Final = "RFC 9421 section 2.2.3"
_HOST: Final = "RFC 9112 section 3.2"
_TARGET: Final = "RFC 3986 section 3.3"
_REPEATED: Final = "RFC 9110 section 5.3"


def _target(target: str) -> Recipe:
    return GET._replace(target=target)


def _malformed(case: Case, reason: str) -> Case:
    return case._replace(code="malformed_request", reason=reason)


def _twice(name: str, value: str) -> Case:
    return _malformed(
        Case(
            f"twice-{name.lower()}",
            f"{name} stands on two lines.",
            _REPEATED,
            POST.replaced(name, value, value),
        ),
        "repeated",
    )


def _underscore(name: str, value: str) -> Case:
    return _malformed(
        Case(
            f"spelled-{name.lower()}",
            f"{name} is read as {name.replace('_', '-')} by servers that know CGI.",
            "RFC 3875 section 4.1.18",
            POST,
            edits=(append(name, value),),
        ),
        "name_spelling",
    )


TOPIC: Final = Topic(
    "The wire: authority, target and header lines, as a stranger could send them",
    (
        Case(
            "authority-upper-case",
            "A host is the same in any case; the base has it in lower case.",
            _AUTHORITY,
            GET.replaced("Host", "Shop.Example.COM"),
        ),
        Case(
            "authority-default-port",
            "The scheme's own port is dropped from the base.",
            _AUTHORITY,
            GET.replaced("Host", "shop.example.com:443"),
        ),
        Case(
            "authority-other-port",
            "Another port is another authority.",
            _AUTHORITY,
            GET.replaced("Host", "shop.example.com:8443"),
            "unknown_authority",
            "unknown_authority",
        ),
        Case(
            "authority-unknown",
            "A host that is not served.",
            _HOST,
            GET.replaced("Host", "other.example.com"),
            "unknown_authority",
            "unknown_authority",
        ),
        Case("wire-read", "A read as it should be.", _HOST, GET),
        Case("wire-write", "A write as it should be.", _HOST, POST),
        _malformed(
            Case("host-missing", "There is no Host.", _HOST, GET, edits=(put("Host"),)), "host"
        ),
        _malformed(
            Case(
                "host-twice",
                "Two Host lines: two readers would choose differently.",
                _HOST,
                GET,
                edits=(append("Host", "other.example.com"),),
            ),
            "repeated",
        ),
        Case(
            "target-id-characters",
            "An id may hold the characters : = @ ! $ and comma.",
            _TARGET,
            _target("/checkout-sessions/a-b.c_d~e:f=g@h!i$j,k"),
        ),
        _malformed(
            Case("target-dot-segment", "A dot segment.", _TARGET, _target("/checkout-sessions/.")),
            "target",
        ),
        _malformed(
            Case(
                "target-double-dot",
                "Two dots lead somewhere else.",
                _TARGET,
                _target("/checkout-sessions/../carts/chk_123"),
            ),
            "target",
        ),
        _malformed(
            Case(
                "target-encoded-slash",
                "An encoded slash.",
                _TARGET,
                _target("/checkout-sessions/a%2Fb"),
            ),
            "target",
        ),
        _malformed(
            Case(
                "target-encoded-dots",
                "Encoded dots.",
                _TARGET,
                _target("/checkout-sessions/%2e%2e"),
            ),
            "target",
        ),
        _malformed(
            Case("target-empty-segment", "An empty segment.", _TARGET, _target("//carts/chk_123")),
            "target",
        ),
        _malformed(
            Case("target-backslash", "A backslash.", _TARGET, _target("/checkout-sessions/a\\b")),
            "target",
        ),
        _malformed(
            Case(
                "target-fragment",
                "A fragment never goes over the wire.",
                "RFC 9112 section 3.2",
                GET,
                edits=(change(target="/checkout-sessions/chk_123#x"),),
            ),
            "target",
        ),
        _malformed(
            Case(
                "target-absolute",
                "A target in absolute form, which names a host of its own.",
                "RFC 9112 section 3.2.2",
                GET,
                edits=(change(target="https://shop.example.com/checkout-sessions/chk_123"),),
            ),
            "target",
        ),
        Case(
            "target-inside-endpoint",
            "A path below the merchant's endpoint.",
            "shopping/checkout/rest.md#base-url",
            _target("/ucp/v1/checkout-sessions/chk_123"),
            settings={"endpoints": {"rest": "/ucp/v1", "mcp": "off"}},
        ),
        Case(
            "target-outside-endpoint",
            "A path outside the merchant's endpoint.",
            "shopping/checkout/rest.md#base-url",
            GET,
            "unknown_operation",
            "unknown_path",
            differs_from="target-inside-endpoint",
            settings={"endpoints": {"rest": "/ucp/v1", "mcp": "off"}},
        ),
        Case(
            "put-with-content",
            "A PUT with content.",
            "RFC 9110 section 9.3.4",
            POST._replace(method="PUT", target="/checkout-sessions/chk_123"),
        ),
        _malformed(
            Case(
                "get-with-content",
                "A GET with content.",
                "RFC 9110 section 9.3.1",
                POST._replace(method="GET", target="/checkout-sessions/chk_123"),
            ),
            "content",
        ),
        _twice("UCP-Agent", AGENT[1]),
        _twice("Content-Type", TYPE[1]),
        _twice("Content-Digest", DIGEST[1]),
        _twice("Idempotency-Key", KEY[1]),
        Case(
            "authorization-once",
            "Authorization on one line.",
            _REPEATED,
            POST.replaced("Authorization", "Bearer one"),
        ),
        _twice("Authorization", "Bearer one"),
        _underscore("UCP_Agent", AGENT[1]),
        _underscore("Content_Type", TYPE[1]),
        _malformed(
            Case(
                "connection-names-header",
                "Connection asks the next hop to drop a header that vouches.",
                "RFC 9110 section 7.6.1",
                GET,
                edits=(append("Connection", "close, UCP-Agent"),),
            ),
            "connection",
        ),
        Case(
            "headers-at-limit",
            "100 header lines.",
            "RFC 9110 section 5.4",
            GET,
            edits=tuple(append(f"X-{n}", "1") for n in range(100 - len((HOST, AGENT)) - 2)),
        ),
        Case(
            "headers-over-limit",
            "101 header lines.",
            "RFC 9110 section 5.4",
            GET,
            "headers_too_large",
            "headers",
            tuple(append(f"X-{n}", "1") for n in range(101 - len((HOST, AGENT)) - 2)),
        ),
        Case(
            "payload-announced",
            "Content-Length is that of the body.",
            "RFC 9110 section 8.6",
            POST.replaced("Content-Length", str(len(POST.body))),
        ),
        Case(
            "payload-over-limit",
            "An octet more than 1 MiB is announced; it need not be sent to be refused.",
            "RFC 9110 section 15.5.14",
            POST.replaced("Content-Length", str((1 << 20) + 1)),
            "payload_too_large",
            "body",
        ),
    ),
)
