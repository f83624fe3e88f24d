"""Refusals as the caller sees them over REST (ucp-rules section 5, RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from connector.errors import CODES
from connector.steps import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.errors import ErrorCode, Fault, Refusal
    from connector.steps import RawHeaders

# What a platform may conclude of its own request (ucp-rules section 5).
_MEMBERS: Final[dict[str, dict[str, Any]]] = {
    "idempotency_in_progress": {"operation_state": "in_progress", "safe_new_key": False},
    "outcome_unknown": {"operation_state": "unknown", "safe_new_key": False},
    "answer_not_replayable": {"operation_state": "completed"},
}
_DEFAULT_RETRY_AFTER: Final = 1
_PROBLEM: Final = b"application/problem+json"


class ProblemRenderer:
    """Renders refusals for one merchant; every body but ``instance`` is built at start.

    ``versions`` are those that the merchant serves.
    """

    def __init__(self, continue_url: str | None = None, versions: Sequence[str] = ()) -> None:
        self._bodies = {
            name: _body(code, content_of(code, versions), continue_url)
            for name, code in CODES.items()
        }

    def render(self, refusal: Refusal, accept: bytes, audit_id: str) -> Answer:
        """Build the answer: the code and its constant text, never the explanation.

        ``accept`` is the request's Accept value (empty where absent); ``audit_id`` identifies this
        occurrence as RFC 9457's ``instance``.
        """
        code = refusal.code
        media = _PROBLEM if _PROBLEM in accept.lower() else b"application/json"
        body = b'%b,"instance":"urn:uuid:%b"}' % (self._bodies[code.name], audit_id.encode("ascii"))
        if refusal.faults:
            errors = json.dumps(told(refusal.faults), separators=(",", ":")).encode("ascii")
            body = b'%b,"errors":%b}' % (body[:-1], errors)
        return Answer(code.status, refusal_headers(refusal, media, audit_id), body)


def refusal_headers(refusal: Refusal, media: bytes, audit_id: str) -> RawHeaders:
    """Return the header lines of a refusal, over REST and JSON-RPC."""
    headers: RawHeaders = [(b"Content-Type", media), (b"Cache-Control", b"no-store")]
    if refusal.code.status == 401:
        headers.append((b"WWW-Authenticate", b"Signature"))
    seconds = retry_after(refusal)
    if seconds is not None:
        headers.append((b"Retry-After", b"%d" % seconds))
    headers.append((b"Audit-ID", audit_id.encode("ascii")))
    return headers


def retry_after(refusal: Refusal) -> int | None:
    """Return after how many seconds to try again; None where that is no matter of time."""
    if refusal.code.status not in (429, 503):
        return None
    return refusal.retry_after or _DEFAULT_RETRY_AFTER


def more_members(code: ErrorCode, continue_url: str | None) -> dict[str, Any]:
    """Return what a refusal says beside its code and text, over REST and JSON-RPC."""
    where = {} if continue_url is None else {"continue_url": continue_url}
    return where | _MEMBERS.get(code.name, {})


def told(faults: tuple[Fault, ...]) -> list[dict[str, str]]:
    """Return what is wrong with a body as the caller is told of it, over REST and JSON-RPC."""
    return [fault._asdict() for fault in faults]


def content_of(code: ErrorCode, versions: Sequence[str]) -> str:
    """Return a code's public text at a merchant who serves these versions.

    It is constant there, and never says what the request had in it.
    """
    if code.name != "version_unsupported" or not versions:
        return code.content
    # UCP overview, Error Handling: whoever asks learns what is served.
    *others, last = sorted(versions)
    listed = f"versions {', '.join(others)} and {last}" if others else f"version {last}"
    return f"{code.content} This business supports {listed}."


def _body(code: ErrorCode, content: str, continue_url: str | None) -> bytes:
    """Build everything but the last member, without the closing brace."""
    members: dict[str, Any] = {"code": code.name, "content": content}
    members |= more_members(code, continue_url)
    members |= {
        # RFC 9457 section 4.2.1: with about:blank the title is the status phrase.
        "type": "about:blank",
        "title": HTTPStatus(code.status).phrase,
        "status": code.status,
        "detail": content,
    }
    return json.dumps(members, separators=(",", ":")).encode("ascii")[:-1]
