"""Whole requests as platforms send them, and what was changed on the way."""

from __future__ import annotations

from typing import Final

from canonical import content_digest
from connector.diagnosis.generator.documents import url
from connector.diagnosis.generator.recipes import (
    GET,
    GET_COVERS,
    NOW,
    POST,
    POST_COVERS,
    Case,
    Topic,
    change,
    put,
    rewrite,
)

_SIGNING: Final = "signatures.md#rest-request-signing"
_VERIFYING: Final = "signatures.md#rest-request-verification, what was signed"
_BASE: Final = "RFC 9421 section 2.5"

_UPDATE_BODY: Final = b'{"line_items":[{"item":{"id":"item_123"},"quantity":3}]}'
_ACCENTS: Final = '{"note":"caffè, 花, 🌷"}'.encode()
_QUERY: Final = GET._replace(target="/checkout-sessions/chk_123?expand=totals").covering(
    *GET_COVERS, "@query"
)
_OLD_HEADERS: Final = POST.replaced("UCP-Agent", f'profile="{url("april")}"')

TOPIC: Final = Topic(
    "Requests: what must verify, and what was changed after it was signed",
    (
        Case("request-post-es256", "A checkout is created, signed with ES256.", _SIGNING, POST),
        Case(
            "request-post-query",
            "A write whose target has a query, which is covered.",
            _SIGNING,
            POST._replace(target="/checkout-sessions?x=1").covering(*POST_COVERS, "@query"),
        ),
        Case("request-get-es256", "A read without body, signed with ES256.", _SIGNING, GET),
        Case("request-get-query", "A read with a query, which is covered.", _SIGNING, _QUERY),
        Case(
            "request-get-empty-query",
            "A question mark with nothing behind it is a query, and its value is '?'.",
            "RFC 9421 section 2.2.7",
            GET._replace(target="/checkout-sessions/chk_123?").covering(*GET_COVERS, "@query"),
        ),
        Case(
            "request-put-es256",
            "A checkout is updated.",
            _SIGNING,
            POST._replace(
                method="PUT", target="/checkout-sessions/chk_123", body=_UPDATE_BODY
            ).replaced("Content-Digest", content_digest(_UPDATE_BODY)),
        ),
        Case(
            "request-post-without-body",
            "A write without a body covers neither content-digest nor content-type.",
            _SIGNING,
            POST._replace(target="/checkout-sessions/chk_123/cancel", body=b"")
            .replaced("Content-Digest")
            .replaced("Content-Type")
            .covering(*GET_COVERS, "idempotency-key"),
        ),
        Case(
            "request-utf8-body",
            "The digest is taken over the octets of the body, here UTF-8 beyond ASCII.",
            _SIGNING,
            POST._replace(body=_ACCENTS).replaced("Content-Digest", content_digest(_ACCENTS)),
        ),
        Case(
            "request-version-2026-04-08",
            "A platform of the older version publishes its keys as signing_keys.",
            "overview/index.md#key-discovery",
            _OLD_HEADERS,
            identity=url("april"),
        ),
        Case(
            "request-more-covered",
            "A signature may cover more than it must.",
            _SIGNING,
            POST.covering(*POST_COVERS, "@scheme", "@target-uri", "@request-target", "host"),
        ),
        Case(
            "request-components-any-order",
            "The order of the components is the signer's; the base follows it.",
            _BASE,
            POST.covering(*reversed(POST_COVERS)),
        ),
        Case(
            "request-parameters-any-order",
            "Parameters stand in the base as received, in their order and with unknown ones.",
            _BASE,
            POST.signed(parameters=f';keyid="platform-2026";x=1.5;flag;created={NOW}'),
        ),
        Case(
            "request-field-as-bytes",
            "A covered field may be wrapped octet by octet with ;bs.",
            "RFC 9421 section 2.1.3",
            POST.covering(*POST_COVERS[:-1], '"content-type";bs'),
        ),
        Case(
            "request-field-serialised",
            "A covered structured field may be re-serialised with ;sf.",
            "RFC 9421 section 2.1.1",
            POST.covering(
                *(x if x != "content-digest" else '"content-digest";sf' for x in POST_COVERS)
            ),
        ),
        Case(
            "request-label-of-choice",
            "The label is the signer's choice; both headers agree on it.",
            "RFC 9421 section 4.1",
            POST.signed(label="ucp-main"),
        ),
        Case(
            "altered-path",
            "The path was changed after signing.",
            _VERIFYING,
            POST,
            "signature_invalid",
            "signature_mismatch",
            (change(target="/carts"),),
        ),
        Case(
            "altered-method",
            "The method was changed after signing.",
            _VERIFYING,
            POST,
            "signature_invalid",
            "signature_mismatch",
            (change(method="PUT"),),
        ),
        Case(
            "altered-query",
            "The query was changed after signing.",
            _VERIFYING,
            _QUERY,
            "signature_invalid",
            "signature_mismatch",
            (change(target="/checkout-sessions/chk_123?expand=all"),),
        ),
        Case(
            "request-of-two-authorities",
            "The merchant has two hosts; the signature is for the one that it was sent to.",
            _SIGNING,
            POST,
            settings={"authorities": ["shop.example.com", "shop-2.example.com"]},
        ),
        Case(
            "altered-authority",
            "The request was relayed to another host of the same merchant.",
            _VERIFYING,
            POST,
            "signature_invalid",
            "signature_mismatch",
            (put("Host", "shop-2.example.com"),),
            settings={"authorities": ["shop.example.com", "shop-2.example.com"]},
        ),
        Case(
            "altered-idempotency-key",
            "Another Idempotency-Key was put in after signing.",
            _VERIFYING,
            POST,
            "signature_invalid",
            "signature_mismatch",
            (put("Idempotency-Key", "550e8400-e29b-41d4-a716-446655440001"),),
        ),
        Case(
            "altered-body-and-digest",
            "Body and Content-Digest were both changed after signing.",
            _VERIFYING,
            POST,
            "signature_invalid",
            "signature_mismatch",
            (change(body=_UPDATE_BODY), put("Content-Digest", content_digest(_UPDATE_BODY))),
        ),
        Case(
            "altered-created",
            "The created parameter was changed after signing.",
            _VERIFYING,
            POST,
            "signature_invalid",
            "signature_mismatch",
            (rewrite("Signature-Input", f"created={NOW}", f"created={NOW + 1}"),),
        ),
        Case(
            "altered-component-order",
            "Two components changed places in Signature-Input after signing.",
            _BASE,
            POST,
            "signature_invalid",
            "signature_mismatch",
            (rewrite("Signature-Input", '"@method" "@authority"', '"@authority" "@method"'),),
        ),
        Case(
            "altered-body",
            "The body was changed after signing; its digest was not.",
            _VERIFYING,
            POST,
            "digest_mismatch",
            "digest_mismatch",
            (change(body=_UPDATE_BODY),),
        ),
        Case(
            "covered-field-of-its-own",
            "A field that nobody else knows may be covered.",
            "RFC 9421 section 2.5",
            POST.replaced("X-Trace", "1").covering(*POST_COVERS, "x-trace"),
        ),
        Case(
            "absent-covered-field",
            "A covered field is not in the request.",
            "RFC 9421 section 2.5",
            POST.replaced("X-Trace", "1").covering(*POST_COVERS, "x-trace"),
            "signature_invalid",
            "base_unbuildable",
            (put("X-Trace"),),
        ),
        Case(
            "component-twice",
            "A component is listed twice.",
            "RFC 9421 section 2.5",
            POST,
            "signature_invalid",
            "base_unbuildable",
            (rewrite("Signature-Input", '"@path"', '"@path" "@path"'),),
        ),
        Case(
            "component-unknown",
            "A derived component that does not exist is covered.",
            "RFC 9421 section 2.2",
            POST,
            "signature_invalid",
            "base_unbuildable",
            (rewrite("Signature-Input", '"@path"', '"@path" "@port"'),),
        ),
        Case(
            "component-status",
            "@status belongs to responses.",
            "RFC 9421 section 2.2.9",
            POST,
            "signature_invalid",
            "base_unbuildable",
            (rewrite("Signature-Input", '"@path"', '"@path" "@status"'),),
        ),
        Case(
            "component-request-of-request",
            "Components with ;req belong to responses.",
            "RFC 9421 section 2.4",
            POST,
            "signature_invalid",
            "coverage_insufficient",
            (rewrite("Signature-Input", '"@path"', '"@path" "@method";req'),),
        ),
    ),
)
