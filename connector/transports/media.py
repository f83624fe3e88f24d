"""The one kind of body that is let through (ucp-rules section 7)."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from connector.errors import Refusal

if TYPE_CHECKING:
    from canonical import Request

# RFC 9110 section 8.3.1: type, then parameters; a charset may be a token or quoted.
_JSON: Final = re.compile(
    rb'application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?[ \t]*;?', re.IGNORECASE
)


def check_media(request: Request) -> None:
    """Refuse a body that is not plain UTF-8 JSON: ``unsupported_media``.

    Media type and charset are read from Content-Type, any Content-Encoding but identity and a byte
    order mark are refused. The JSON itself is not parsed. Without a body nothing is asked.
    """
    body = request.body
    if not body:
        return
    index = request.headers.index
    types = index.get(b"content-type", ())
    if len(types) != 1 or _JSON.fullmatch(types[0]) is None:
        raise Refusal(
            "unsupported_media", "content_type", "a body must be application/json in UTF-8"
        )
    for encoding in index.get(b"content-encoding", ()):
        if encoding.lower() != b"identity":
            raise Refusal("unsupported_media", "content_encoding", "a body must not be encoded")
    if body.startswith(codecs.BOM_UTF8):
        raise Refusal("unsupported_media", "byte_order_mark", "a body must not begin with a BOM")
