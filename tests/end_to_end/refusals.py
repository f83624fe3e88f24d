"""What every refusal must look like, and the proof that the merchant never saw the request.

The table is written here from the rules (ucp-rules section 5), not taken from the connector.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Final

from tests.end_to_end.platform import ORDERS, Draft

if TYPE_CHECKING:
    from tests.end_to_end.client import Answer
    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform

STATUS: Final = {
    "signature_missing": 401,
    "signature_invalid": 401,
    "key_not_found": 401,
    "digest_mismatch": 400,
    "algorithm_unsupported": 400,
    "invalid_profile_url": 400,
    "profile_unreachable": 424,
    "profile_malformed": 422,
    "version_unsupported": 422,
    "profile_not_trusted": 403,
    "malformed_request": 400,
    "unknown_authority": 421,
    "unknown_operation": 404,
    "operation_not_permitted": 403,
    "payload_too_large": 413,
    "headers_too_large": 431,
    "unsupported_media": 415,
    "idempotency_key_missing": 400,
    "idempotency_key_invalid": 400,
    "idempotency_conflict": 409,
    "idempotency_in_progress": 503,
    "outcome_unknown": 503,
    "answer_not_replayable": 410,
    "rate_limited": 429,
    "store_unavailable": 503,
    "overloaded": 503,
    "discovery_pending": 503,
    "upstream_unreachable": 502,
    "upstream_timeout": 504,
    "audit_unavailable": 503,
}
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_FIXED: Final = {"code", "content", "type", "title", "status", "detail", "instance"}
_STATES: Final[dict[str, dict[str, object]]] = {
    "idempotency_in_progress": {"operation_state": "in_progress", "safe_new_key": False},
    "outcome_unknown": {"operation_state": "unknown", "safe_new_key": False},
    "answer_not_replayable": {"operation_state": "completed"},
}

_AFTER_VERIFICATION: Final = frozenset(
    {
        *("unknown_operation", "operation_not_permitted", "outcome_unknown", "overloaded"),
        *("idempotency_key_missing", "idempotency_key_invalid"),
        *("idempotency_conflict", "idempotency_in_progress", "answer_not_replayable"),
        *("rate_limited", "store_unavailable", "upstream_unreachable", "upstream_timeout"),
        "audit_unavailable",
    }
)
"""What a request may be refused with once it has verified: only such refusals may be signed, and
only such tell of the caller's rates."""

_texts: Final[dict[str, str]] = {}
"""The text that each code was first seen with: it must be the same ever after."""


def check_refusal(
    answer: Answer,
    code: str,
    *,
    media: str = "application/json",
    continue_url: str | None = None,
    verified: bool = False,
    errors: list[dict[str, str]] | None = None,
) -> None:
    """Hold a refusal against the rules; ``verified`` where that is not clear from the code.

    ``errors`` is what it must say of the body, and by default it says nothing of it.
    """
    document = answer.document()
    assert document["code"] == code
    status = STATUS[code]
    assert answer.status == status
    more = dict(_STATES.get(code, {}))
    if continue_url is not None:
        more["continue_url"] = continue_url
    if errors is not None:
        more["errors"] = errors
    assert document.keys() == _FIXED | more.keys()
    assert {name: document[name] for name in more} == more
    audit_id = answer.value("Audit-ID")
    assert re.fullmatch(_UUID, audit_id)
    # RFC 9457 section 3.1 and 4.2.1.
    assert document["type"] == "about:blank"
    assert document["status"] == status
    assert document["title"] == answer.phrase
    assert document["detail"] == document["content"]
    assert document["instance"] == f"urn:uuid:{audit_id}"
    assert document["content"]
    assert _texts.setdefault(code, document["content"]) == document["content"]
    assert answer.value("Content-Type") == media
    signed = bool(answer.values("Signature"))
    rates_told = bool(answer.values("RateLimit"))
    assert rates_told == bool(answer.values("RateLimit-Policy"))
    assert not (signed or rates_told) or verified or code in _AFTER_VERIFICATION
    assert answer.value("Cache-Control") == ("no-store, no-transform" if signed else "no-store")
    assert answer.values("WWW-Authenticate") == (["Signature"] if status == 401 else [])
    waits = [int(value) for value in answer.values("Retry-After")]
    assert len(waits) == (status in (429, 503))
    assert all(wait >= 1 for wait in waits)


def accepted(platform: Platform) -> Draft:
    """Sign a request that must be accepted, to a target of its own."""
    return platform.signed(target=f"{ORDERS}/after-{uuid.uuid4()}")


def check_never_forwarded(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, *, before: int = 0
) -> None:
    """Send a good request and find it the next one that the merchant sees."""
    draft = accepted(platform)
    assert gateway.ask(draft.wire()).status == 200
    seen = [request.target.decode() for request in merchant.requests]
    assert seen[before:] == [draft.target]


def refused(
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
    request: Draft | bytes,
    code: str,
) -> Answer:
    """Send a request that must be refused with this code, everywhere that it shows."""
    octets = request if isinstance(request, bytes) else request.wire()
    answer = gateway.ask(octets)
    check_refusal(answer, code)
    gateway.expect_decision(answer, decision="reject", code=code, status=answer.status)
    check_never_forwarded(gateway, merchant, platform)
    return answer
