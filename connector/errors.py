"""The frozen error codes: status, JSON-RPC code, public text (ucp-rules, section 5).

A caller sees a code and its constant text, nothing else. What an operator needs, the reason and
the explanation, travels beside it on :class:`Refusal` and goes to the decision line only.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class ErrorCode(NamedTuple):
    """One code of the frozen table: its HTTP status, JSON-RPC code and constant public text."""

    name: str
    status: int
    jsonrpc: int
    content: str


_TABLE: Final = (
    # Signatures
    ErrorCode("signature_missing", 401, -32000, "The request carries no message signature."),
    ErrorCode("signature_invalid", 401, -32000, "The message signature could not be verified."),
    ErrorCode("key_not_found", 401, -32000, "The signing key was not found in the profile."),
    ErrorCode("digest_mismatch", 400, -32600, "Content-Digest does not match the body."),
    ErrorCode("algorithm_unsupported", 400, -32600, "The key's algorithm is not supported."),
    # Profiles
    ErrorCode("invalid_profile_url", 400, -32001, "The profile URL is missing or not acceptable."),
    ErrorCode("profile_unreachable", 424, -32001, "The profile could not be fetched."),
    ErrorCode("profile_malformed", 422, -32001, "The profile could not be read."),
    ErrorCode("version_unsupported", 422, -32001, "The protocol version is not supported."),
    ErrorCode("profile_not_trusted", 403, -32000, "The profile is not accepted here."),
    # The wire
    ErrorCode("malformed_request", 400, -32600, "The request is malformed."),
    ErrorCode("unknown_authority", 421, -32600, "This host is not served here."),
    ErrorCode("unknown_operation", 404, -32601, "The operation is not known."),
    ErrorCode("operation_not_permitted", 403, -32000, "The operation is not permitted."),
    ErrorCode("payload_too_large", 413, -32600, "The request body is too large."),
    ErrorCode("headers_too_large", 431, -32600, "The request headers are too large."),
    ErrorCode("unsupported_media", 415, -32600, "The body's media type is not supported."),
    # Idempotency
    ErrorCode("idempotency_key_missing", 400, -32600, "An Idempotency-Key is required."),
    ErrorCode("idempotency_key_invalid", 400, -32600, "The Idempotency-Key is not well formed."),
    ErrorCode("idempotency_conflict", 409, -32000, "The key was used with another payload."),
    ErrorCode("idempotency_in_progress", 503, -32000, "The same request is still being processed."),
    ErrorCode("outcome_unknown", 503, -32000, "The outcome of this request is not known."),
    ErrorCode("answer_not_replayable", 410, -32000, "The request is done; its answer is not kept."),
    # Load, and failures of ours
    ErrorCode("rate_limited", 429, -32000, "Too many requests."),
    ErrorCode("store_unavailable", 503, -32000, "The service is temporarily unavailable."),
    ErrorCode("audit_unavailable", 503, -32000, "The service is temporarily unavailable."),
    ErrorCode("overloaded", 503, -32000, "The service is temporarily overloaded."),
    ErrorCode("discovery_pending", 503, -32000, "The profile is not available yet."),
    # The merchant
    ErrorCode("upstream_unreachable", 502, -32603, "The merchant could not be reached."),
    ErrorCode("upstream_timeout", 504, -32603, "The merchant did not answer."),
    # AP2
    ErrorCode("mandate_required", 400, -32000, "A mandate is required."),
    ErrorCode("mandate_invalid_signature", 400, -32000, "The mandate's signature is not valid."),
    ErrorCode("mandate_expired", 400, -32000, "The mandate has expired."),
    ErrorCode("mandate_scope_mismatch", 400, -32000, "The mandate does not fit the request."),
    ErrorCode(
        "merchant_authorization_invalid", 400, -32000, "The merchant authorization is not valid."
    ),
    ErrorCode(
        "merchant_authorization_missing", 400, -32000, "The merchant authorization is missing."
    ),
    ErrorCode("agent_missing_key", 401, -32000, "The agent's key is missing."),
)

CODES: Final[dict[str, ErrorCode]] = {code.name: code for code in _TABLE}


class Fault(NamedTuple):
    """One thing that is wrong with a body: where, and which rule it breaks; no value is in it.

    Both are ASCII. ``path`` is a JSONPath of at most 256 characters; the names in it are the
    caller's own. ``rule`` is a word of ours.
    """

    path: str
    rule: str


class Refusal(Exception):  # noqa: N818 - it is a decision, not an error of the program
    """A decision against a request.

    ``code`` names a row of the frozen table. ``reason`` is a stable word for operators
    (``coverage_insufficient``), ``explanation`` says in a sentence what was wrong first; neither
    is ever sent to the caller. ``retry_after`` is in whole seconds. ``faults`` are sent: at most
    ten.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        explanation: str,
        *,
        retry_after: int | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        super().__init__(explanation)
        self.code = CODES[code]
        self.reason = reason
        self.explanation = explanation
        self.retry_after = retry_after
        self.faults = faults
