"""What is refused before a signature is looked at: authority, target, header lines."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.recipes import (
    AGENT,
    DIGEST,
    GET,
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
_SPELLED: Final = "RFC 9110 section 5.1"
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
            differs_from="authorization-once" if name == "Authorization" else "wire-write",
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


def _name(id_: str, description: str, name: str, value: str = "x") -> Case:
    """Add a header whose name a server behind this one could read as another."""
    case = Case(f"spelled-{id_}", description, _SPELLED, POST, edits=(append(name, value),))
    return _malformed(case, "name_spelling")


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
        _malformed(
            Case(
                "delete-with-content",
                "A DELETE with content.",
                "RFC 9110 section 9.3.5",
                POST._replace(method="DELETE", target="/checkout-sessions/chk_123"),
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
            "name-any-case",
            "Names of fields are the same in any case.",
            _SPELLED,
            POST.replaced("idempotency-KEY", KEY[1]).replaced(KEY[0]),
        ),
        Case(
            "name-of-others",
            "Names that nobody here reads may be spelled in any way.",
            _SPELLED,
            POST,
            edits=(append("X_Trace", "1"), append("x.trace", "2")),
        ),
        _name("idempotency-key", "Idempotency-Key with an underscore.", "Idempotency_Key"),
        _name("signature-input", "Signature-Input with an underscore.", "Signature_Input"),
        _name("dots", "UCP-Agent with a dot.", "UCP.Agent"),
        _name("verdict", "A name that vouches behind the gateway.", "UCP_Verified", "true"),
        _name("forwarded", "X-Forwarded-For with underscores.", "X_Forwarded_For", "192.0.2.1"),
        _name("override", "A method override with underscores.", "X_HTTP_Method_Override", "GET"),
    ),
)
