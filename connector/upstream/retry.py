"""When a request may be sent a second time: a pure decision.

Retried only where not one byte was written, or once for a GET on a reused connection that closed
before any answer byte (RFC 9112 section 9.3.1 gives the reason: such a connection was most likely
closed for idleness just as the request went out). A write is never sent twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.upstream.errors import UpstreamBroken

if TYPE_CHECKING:
    from connector.upstream.errors import UpstreamError


def may_retry(
    error: UpstreamError, *, method: bytes, reused: bool, retry_read: bool, attempt: int
) -> bool:
    """Tell whether the request that failed with ``error`` may go out again, on a new connection.

    ``reused`` says that the connection had answered before; ``retry_read`` is the caller's word
    that this request is a read; ``attempt`` counts from 1.
    """
    if not error.sent:
        # Nothing was written, so a second try is harmless; but only a reused connection that
        # went away makes it worth while. A new one that cannot be had is the answer.
        return reused
    return (
        isinstance(error, UpstreamBroken)
        and not error.answered
        and method == b"GET"
        and retry_read
        and reused
        and attempt == 1
    )
