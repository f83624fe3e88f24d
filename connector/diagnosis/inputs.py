"""What ``explain`` is given: raw HTTP, a curl command line, a HAR entry or an audit record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connector.diagnosis.audit_record import looks_like_record
from connector.diagnosis.curl_command import read_curl
from connector.diagnosis.har_entry import looks_like_har, read_har
from connector.diagnosis.raw_request import RawRequestError, read_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.diagnosis.vectors import WireRequest

KINDS: Final = ("raw", "curl", "har", "audit")
MAX_INPUT: Final = 64 << 20
"""Octets of a file: HAR files of a long session are that large."""
_MARK: Final = b"\xef\xbb\xbf"


class Input(NamedTuple):
    """What was given: a request, or, of kind ``audit``, a record."""

    kind: str
    request: WireRequest | None
    record: dict[str, Any]


def read_input(
    data: bytes,
    *,
    kind: str | None,
    scheme: str | None,
    entry: int | None,
    read_file: Callable[[str], bytes],
) -> Input:
    """Read what was given; without ``kind`` it is told by how it begins. Raises RawRequestError.

    ``scheme`` is the merchant's: without it that of the URL, and https for raw HTTP. ``entry``
    chooses an entry of a HAR file; ``read_file`` reads the files that a curl command line names.
    """
    text = data.removeprefix(_MARK).lstrip()
    chosen = kind or _told(text)
    if chosen in {"har", "audit"}:
        document = _json(text)
        if kind is None and looks_like_record(document):
            chosen = "audit"
        if chosen == "audit":
            return Input("audit", None, document)
        if kind is None and not looks_like_har(document):
            raise RawRequestError("this JSON is neither a HAR entry nor an audit record")
        request = read_har(document, entry)
    elif chosen == "curl":
        request = read_curl(text.decode("utf-8", "surrogateescape"), read_file)
    else:
        request = read_request(data.removeprefix(_MARK), scheme or "https")
    return Input(chosen, request if scheme is None else request._replace(scheme=scheme), {})


def _told(text: bytes) -> str:
    if text.startswith(b"{"):
        return "har"
    first = text.split(maxsplit=2)[:2]
    if first[:1] in ([b"$"], [b"%"]):
        first = first[1:]
    return "curl" if first and first[0].rpartition(b"/")[2] in (b"curl", b"curl.exe") else "raw"


def _json(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RawRequestError(f"not JSON: {str(error)[:100]}") from None
    if not isinstance(document, dict):
        raise RawRequestError("the JSON is no object")
    return document
