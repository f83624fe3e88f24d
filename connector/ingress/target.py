"""Which request targets are let through: origin-form that no two parsers read differently.

Nothing is normalised: what another server could normalise is refused (ucp-rules section 7).
"""

from __future__ import annotations

import re
from typing import Final

from connector.errors import Refusal

# RFC 3986 section 3.3: pchar, without the percent sign.
_PCHAR: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@"
# Section 3.4, and square brackets: RFC 3986 reserves them, but every common client sends them in
# a query as they are, and all parsers agree on them there.
_QUERY: Final = _PCHAR + b"/?[]"
_COMMON: Final = _PCHAR + b"/?"

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# Dot, slash, backslash and NUL, for those who decode before they split.
_BAD_PATH_ESCAPE: Final = re.compile(rb"%(?:2[EeFf]|5[Cc]|00)")
_DOT_SEGMENT: Final = re.compile(rb"/\.{1,2}(?:/|\Z)")


def check_target(target: bytes) -> None:
    """Refuse a target that is not in origin-form or that two parsers could read differently."""
    # Nearly every target: plain characters, nothing that looks like a dot or an empty segment.
    if (
        target.startswith(b"/")
        and b"/." not in target
        and b"//" not in target
        and not target.translate(None, _COMMON)
    ):
        return
    explanation = _fault(target)
    if explanation is not None:
        raise Refusal("malformed_request", "target", explanation)


def _fault(target: bytes) -> str | None:
    if not target.startswith(b"/"):
        # RFC 9112 sections 3.2.2 to 3.2.4: absolute-, authority- and asterisk-form.
        return "the request target is not in origin-form"
    path, _, query = target.partition(b"?")
    if path.translate(None, _PCHAR + b"/%") or query.translate(None, _QUERY + b"%"):
        return "the request target has a character that must be percent-encoded"
    if _BAD_ESCAPE.search(target):
        return "the request target has a percent sign that encodes nothing"
    if _BAD_PATH_ESCAPE.search(path):
        return "the path has an encoded dot, slash, backslash or NUL"
    if b"//" in path:
        return "the path has an empty segment"
    if _DOT_SEGMENT.search(path):
        return "the path has a dot segment"
    return None
