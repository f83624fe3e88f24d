"""When a component must be covered: what counts as being there."""

from __future__ import annotations

from typing import Final

from canonical import content_digest
from connector.diagnosis.generator.recipes import (
    DIGEST,
    GET,
    GET_COVERS,
    POST,
    TARGET,
    TYPE,
    Case,
    Recipe,
    Topic,
    append,
)

_BODY: Final = "signatures.md#rest-request-verification, a body of one octet or more"
_EMPTY: Final = "signatures.md#rest-request-verification, headers without a value"
_NAMES: Final = "signatures.md#rest-request-verification, headers by their names"
_OTHERS: Final = "signatures.md#rest-request-verification, headers that need no coverage"

_ZERO: Final = b"0"
_OCTET: Final = POST._replace(body=_ZERO).replaced(DIGEST[0], content_digest(_ZERO))
_CANCEL: Final = (
    POST._replace(target="/checkout-sessions/chk_123/cancel", body=b"")
    .replaced(TYPE[0])
    .replaced(DIGEST[0])
    .covering(*TARGET, "ucp-agent", "idempotency-key")
)
_EMPTY_KEY: Final = GET.replaced("Idempotency-Key", "").covering(*GET_COVERS, "idempotency-key")
_EMPTY_AGENT: Final = GET.replaced("Signature-Agent", "").covering(*GET_COVERS, "signature-agent")
_ODD: Final = GET.replaced("idempotency-KEY", "550e8400-e29b-41d4-a716-446655440000").covering(
    *GET_COVERS, "idempotency-key"
)


def _missing(id_: str, description: str, rule: str, recipe: Recipe) -> Case:
    return Case(
        f"present-{id_}", description, rule, recipe, "signature_invalid", "coverage_insufficient"
    )


TOPIC: Final = Topic(
    "When a component must be covered: what counts as being there",
    (
        Case("present-octet", "A body of one octet: digest and type are covered.", _BODY, _OCTET),
        _missing(
            "octet-type",
            "A body of one octet, whose type is not covered.",
            _BODY,
            _OCTET.without("content-type"),
        ),
        _missing(
            "octet-digest",
            "A body of one octet, whose digest is not covered.",
            _BODY,
            _OCTET.without("content-digest"),
        ),
        Case("present-nothing", "A write without a body.", _BODY, _CANCEL),
        Case(
            "present-type-of-nothing",
            "Content-Type without a body need not be covered.",
            _BODY,
            _CANCEL.replaced(*TYPE),
        ),
        Case(
            "present-digest-of-nothing",
            "Content-Digest without a body need not be covered.",
            _BODY,
            _CANCEL.replaced(DIGEST[0], content_digest(b"")),
        ),
        _missing(
            "key-of-nothing",
            "A write without a body, whose Idempotency-Key is not covered.",
            _BODY,
            _CANCEL.without("idempotency-key"),
        ),
        Case("present-empty-key", "An empty Idempotency-Key, covered.", _EMPTY, _EMPTY_KEY),
        _missing(
            "empty-key-uncovered",
            "An empty Idempotency-Key is there all the same, and not covered.",
            _EMPTY,
            _EMPTY_KEY.without("idempotency-key"),
        ),
        Case("present-empty-agent", "An empty Signature-Agent, covered.", _EMPTY, _EMPTY_AGENT),
        _missing(
            "empty-agent-uncovered",
            "An empty Signature-Agent is there all the same, and not covered.",
            _EMPTY,
            _EMPTY_AGENT.without("signature-agent"),
        ),
        Case("present-odd-name", "A name in odd case, covered.", _NAMES, _ODD),
        _missing(
            "odd-name-uncovered",
            "A name in odd case, which is not covered.",
            _NAMES,
            _ODD.without("idempotency-key"),
        ),
        Case(
            "present-others",
            "Headers that need not be covered, added after signing.",
            _OTHERS,
            POST,
            edits=(append("Accept", "application/json"), append("X-Trace", "1")),
        ),
        Case(
            "present-date",
            "Date and User-Agent need not be covered.",
            _OTHERS,
            GET,
            edits=(
                append("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
                append("User-Agent", "platform/1"),
            ),
        ),
    ),
)
