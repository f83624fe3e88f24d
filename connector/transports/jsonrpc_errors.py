"""Refusals as an MCP client sees them: JSON-RPC errors, the HTTP status mirrored (section 5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from connector.errors import CODES
from connector.steps import Answer
from connector.transports.problems import (
    content_of,
    more_members,
    refusal_headers,
    retry_after,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.errors import ErrorCode, Refusal

_JSON: Final = b"application/json"


class JsonRpcRenderer:
    """Renders refusals for one merchant; all but id, waiting time and faults is built at start.

    ``versions`` are those that the merchant serves.
    """

    def __init__(self, continue_url: str | None = None, versions: Sequence[str] = ()) -> None:
        self._errors = {
            name: _error(code, content_of(code, versions), continue_url)
            for name, code in CODES.items()
        }

    def render(self, refusal: Refusal, call_id: bytes | None, audit_id: str) -> Answer:
        """Build the answer to the call with this id; without one the id is null.

        ``data`` has the code and its constant text, never the explanation; ``retry_after`` in
        seconds where there is one, and ``instance``, which identifies this occurrence.
        """
        seconds = retry_after(refusal)
        waits = b"" if seconds is None else b',"retry_after":%d' % seconds
        faults = b""
        if refusal.faults:
            faults = b',"errors":' + _text(told(refusal.faults))
        body = b'{"jsonrpc":"2.0","id":%b,"error":%b%b%b,"instance":"urn:uuid:%b"}}}' % (
            call_id or b"null",
            self._errors[refusal.code.name],
            waits,
            faults,
            audit_id.encode("ascii"),
        )
        return Answer(refusal.code.status, refusal_headers(refusal, _JSON, audit_id), body)


def _error(code: ErrorCode, content: str, continue_url: str | None) -> bytes:
    """Build the error as far as it is always the same: it ends within ``data``."""
    data: dict[str, Any] = {"code": code.name, "content": content, "status": code.status}
    data |= more_members(code, continue_url)
    return _text({"code": code.jsonrpc, "message": content, "data": data})[:-2]


def _text(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
