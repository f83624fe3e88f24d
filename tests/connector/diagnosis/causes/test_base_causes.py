from __future__ import annotations

import pytest

from connector.diagnosis.causes.cause import PROVEN
from connector.diagnosis.generator.recipes import GET, NOW, POST, POST_COVERS
from tests.connector.diagnosis.causes.signed_requests import (
    Sent,
    replaced,
    with_header,
    with_value,
    without,
)

QUERIED = GET._replace(target="/orders/o?b=2&a=1%2F2&c=x+y").covering(
    "@method", "@authority", "@path", "@query", "ucp-agent"
)
EMPTY_QUERY = QUERIED._replace(target="/orders/o?")
ENCODED = GET._replace(target="/checkout-sessions/a%3Db")
TARGET_URI = GET._replace(target="/orders/o?a=1").covering(
    "@method", "@authority", "@path", "@query", "@target-uri", "@scheme", "ucp-agent"
)
CAVAGE = GET.covering("@method", "@authority", "@path", "@request-target", "ucp-agent")
PORT = GET.replaced("Host", "shop.example.com:8443")
AT_8443 = {"authorities": ["shop.example.com:8443"]}
ENDPOINT = {"endpoints": {"rest": "/ucp/v1", "mcp": "off"}}
TYPED = POST.replaced("Content-Type", "application/json;charset=utf-8")
ACCEPTS = POST._replace(headers=(*POST.headers, ("Accept-Encoding", "gzip, br"))).covering(
    *POST_COVERS, "accept-encoding"
)
AGENT_RESPACED = POST.replaced(
    "UCP-Agent", 'v=1,profile="https://platform.example/.well-known/ucp"'
)
TWO_LINES = POST._replace(headers=(*POST.headers, ("X-A", "1"), ("X-A", "2"))).covering(
    *POST_COVERS, "x-a"
)
WITH_PARAMETERS = POST._replace(headers=(*POST.headers, ("Priority", "u=1, i"))).covering(
    *POST_COVERS, '"priority";key="u"'
)
EXPIRING = POST.signed(parameters=f';created={NOW};expires={NOW + 60};keyid="platform-2026"')

PARAMS = '"@signature-params": '
TRACED = '"@path" "x-trace"'
"""A component that is listed and not sent."""


def _listed(member: str) -> str:
    return f"sig1={member}".replace('"@path"', TRACED)


def _rest(text: str) -> str:
    """Return the last line of a base."""
    return text.rpartition("\n")[2]


def _in_order(text: str) -> str:
    lines = text.split("\n")
    return "\n".join([*sorted(lines[:-1]), lines[-1]])


CASES = {
    # Method, authority, path, query
    "method-lower-case": Sent(base=replaced(": POST", ": post")),
    "method-rewritten": Sent(base=replaced(": POST", ": PUT")),
    "default-port-kept": Sent(base=replaced("shop.example.com", "shop.example.com:443")),
    "port-dropped": Sent(PORT, replaced(":8443", ""), settings=AT_8443),
    "authority-upper-case": Sent(
        POST.replaced("Host", "Shop.Example.com"),
        replaced("shop.example.com", "Shop.Example.com"),
    ),
    "authority-is-url": Sent(base=replaced("shop.example.com", "https://shop.example.com")),
    "host-rewritten": Sent(
        base=replaced("shop.example.com", "public.example.com"),
        headers=with_header("X-Forwarded-Host", "Public.example.com"),
    ),
    "path-decoded": Sent(ENCODED, replaced("a%3Db", "a=b"), settings={"path_ids": "encoded"}),
    "path-re-encoded": Sent(ENCODED, replaced("%3D", "%3d"), settings={"path_ids": "encoded"}),
    "path-lower-case": Sent(GET._replace(target="/orders/ABC"), replaced("ABC", "abc")),
    "trailing-slash": Sent(base=replaced("/checkout-sessions", "/checkout-sessions/")),
    "query-in-path": Sent(QUERIED, replaced('"@path": /orders/o', f'"@path": {QUERIED.target}')),
    "path-is-url": Sent(
        base=replaced('"@path": ', '"@path": https://shop.example.com'),
    ),
    "path-below-endpoint": Sent(
        POST._replace(target="/ucp/v1/checkout-sessions"),
        replaced("/ucp/v1", ""),
        settings=ENDPOINT,
        endpoint="/ucp/v1",
    ),
    "path-prefix-removed": Sent(
        base=replaced('"@path": ', '"@path": /deep/down'),
        headers=with_header("X-Forwarded-Prefix", "/deep/down"),
    ),
    "query-without-question-mark": Sent(QUERIED, replaced(": ?", ": ")),
    "empty-query": Sent(EMPTY_QUERY, replaced('"@query": ?', '"@query": ')),
    "query-reordered": Sent(QUERIED, replaced("b=2&a=1%2F2", "a=1%2F2&b=2")),
    "query-decoded": Sent(QUERIED, replaced("1%2F2", "1/2")),
    "query-re-encoded": Sent(QUERIED, replaced("x+y", "x%20y")),
    "query-parameter-added": Sent(QUERIED, changed={"target": f"{QUERIED.target}&utm_source=mail"}),
    "scheme-differs": Sent(TARGET_URI, replaced('"@target-uri": https', '"@target-uri": http')),
    "target-uri-incomplete": Sent(
        TARGET_URI, replaced('"@target-uri": https://shop.example.com', '"@target-uri": ')
    ),
    "request-target-with-method": Sent(
        CAVAGE, replaced('"@request-target": ', '"@request-target": get ')
    ),
    # Covered fields
    "covered-field-missing": Sent(
        ACCEPTS.replaced("Accept-Encoding", "gzip"), headers=without("Accept-Encoding")
    ),
    "absent-field-skipped": Sent(base=replaced('"@path" ', f"{TRACED} "), member=_listed),
    "absent-field-signed": Sent(
        base=lambda text: text.replace(
            '"@path": /checkout-sessions\n', '"@path": /checkout-sessions\n"x-trace": \n'
        ).replace('"@path" ', f"{TRACED} "),
        member=_listed,
    ),
    "proxy-changed-field": Sent(
        ACCEPTS.replaced("Accept-Encoding", "gzip, deflate, br"),
        headers=with_value("Accept-Encoding", "gzip"),
    ),
    "header-doubled": Sent(headers=with_header("UCP-Agent", 'profile="https://other.example/"')),
    "lines-joined-otherwise": Sent(TWO_LINES, replaced("1, 2", "1,2")),
    "value-not-trimmed": Sent(base=replaced('"ucp-agent": ', '"ucp-agent":  ')),
    "value-respaced": Sent(AGENT_RESPACED, replaced("v=1,profile", "v=1, profile")),
    "value-quotes-changed": Sent(
        base=replaced(
            'profile="https://platform.example/.well-known/ucp"',
            "profile=https://platform.example/.well-known/ucp",
        )
    ),
    "value-case-changed": Sent(
        POST.replaced("Idempotency-Key", "550E8400-e29b-41d4-a716-446655440000"),
        replaced("550E8400", "550e8400"),
    ),
    "value-reserialised": Sent(
        POST.replaced("UCP-Agent", 'profile="https://platform.example/.well-known/ucp";a=?1'),
        replaced(";a=?1", ";a"),
    ),
    "content-type-charset": Sent(
        TYPED, replaced("application/json;charset=utf-8", "application/json")
    ),
    "digest-written-otherwise": Sent(base=replaced("sha-256=:", "SHA-256=:")),
    "agent-url-only": Sent(
        base=replaced(
            'profile="https://platform.example/.well-known/ucp"',
            "https://platform.example/.well-known/ucp",
        )
    ),
    # The lines of the base
    "identifiers-unquoted": Sent(
        base=lambda text: "\n".join(line.replace('"', "", 2) for line in text.split("\n"))
    ),
    "field-names-capitalised": Sent(
        base=lambda text: (
            text.replace('"content-type": ', '"Content-Type": ')
            .replace('"content-digest": ', '"Content-Digest": ')
            .replace('"idempotency-key": ', '"Idempotency-Key": ')
            .replace('"ucp-agent": ', '"UCP-Agent": ')
        )
    ),
    "component-parameters-dropped": Sent(WITH_PARAMETERS, replaced(';key="u": ', ": ")),
    "no-space-after-colon": Sent(base=replaced('": ', '":')),
    "crlf-in-base": Sent(base=replaced("\n", "\r\n")),
    "line-ends-escaped": Sent(base=replaced("\n", "\\n")),
    "trailing-newline": Sent(base=lambda text: text + "\n"),
    "components-reordered": Sent(base=_in_order),
    "component-left-out": Sent(base=replaced('"@authority": shop.example.com\n', "")),
    "signature-params-missing": Sent(base=lambda text: text.rpartition("\n")[0]),
    "signature-params-misplaced": Sent(
        base=lambda text: f"{_rest(text)}\n{text.rpartition(chr(10))[0]}"
    ),
    # @signature-params
    "label-in-signature-params": Sent(base=replaced(PARAMS, f"{PARAMS}sig1=")),
    "parameters-reordered": Sent(
        base=replaced(
            f';created={NOW};keyid="platform-2026"', f';keyid="platform-2026";created={NOW}'
        )
    ),
    "parameters-respaced": Sent(
        base=lambda text: text.replace(";created", "; created").replace(";keyid", "; keyid")
    ),
    "parameters-quoted-otherwise": Sent(base=replaced(f"created={NOW}", f'created="{NOW}"')),
    "alg-in-one-place": Sent(base=lambda text: text + ';alg="ecdsa-p256-sha256"'),
    "parameter-left-out": Sent(base=replaced(';keyid="platform-2026"', "")),
    "created-computed-twice": Sent(
        EXPIRING,
        lambda text: text.replace(f"created={NOW}", f"created={NOW + 1}").replace(
            f"expires={NOW + 60}", f"expires={NOW + 61}"
        ),
    ),
    "component-list-rewritten": Sent(
        base=lambda text: text.rpartition("\n")[0] + "\n" + _rest(text).replace('" "', '", "')
    ),
}


@pytest.mark.parametrize(("cause", "sent"), CASES.items(), ids=CASES)
def test_a_mistaken_base_is_proven(cause: str, sent: Sent) -> None:
    proven = {found for found, certainty in sent.found().items() if certainty == PROVEN}

    # A header that two layers added is refused at the wire as well.
    assert proven - {"single-header-repeated"} == {cause}


def test_without_the_mistake_nothing_is_found() -> None:
    right = {sent.recipe: sent for sent in CASES.values()}

    for recipe, sent in right.items():
        assert Sent(recipe, settings=sent.settings).found() == {}


def test_two_mistakes_are_proven_together() -> None:
    def mistaken(text: str) -> str:
        return text.replace(": POST", ": post").replace("shop.example.com", "shop.example.com:443")

    assert Sent(base=mistaken).found() == {
        "method-lower-case": PROVEN,
        "default-port-kept": PROVEN,
    }


def test_a_mistaken_base_and_a_mistaken_encoding_are_proven_together() -> None:
    sent = Sent(
        base=lambda text: text + "\n",
        signature=lambda octets: f"sig1=:{octets.hex()}:",
    )

    assert {"signature-hex", "trailing-newline"} <= sent.found().keys()
