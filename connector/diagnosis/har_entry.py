"""A request out of a HAR file (HTTP Archive 1.2), as browsers and proxies record it."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final

from connector.diagnosis.raw_request import RawRequestError
from connector.diagnosis.vectors import WireRequest

if TYPE_CHECKING:
    from connector.steps import RawHeaders

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#@]+)(?P<rest>[^#]*)(?:#.*)?", re.IGNORECASE
)
_METHOD: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 section 5.6.2: token
_PORTS: Final = {"https": ":443", "http": ":80"}
_MAX_HEADERS: Final = 500


def looks_like_har(document: dict[str, Any]) -> bool:
    """Whether a JSON object is a HAR file, one of its entries, or an entry's request."""
    return "log" in document or isinstance(document.get("request"), dict) or "url" in document


def read_har(document: dict[str, Any], number: int | None) -> WireRequest:
    """Return the request of a HAR file's entry; ``number`` counts from 1. Raises RawRequestError.

    The document is the file, one entry, or the request of one. Pseudo header fields of HTTP/2 are
    dropped; ``:authority`` is taken for Host, and ``:path`` for the target.
    """
    request = _object(_entry(document, number), "request")
    method = _string(request, "method")
    if _METHOD.fullmatch(method) is None:
        raise RawRequestError("the entry's method is not one")
    match = _URL.fullmatch(_string(request, "url"))
    if match is None:
        raise RawRequestError("the entry's url is not http:// or https://")
    scheme = match["scheme"].lower()
    headers, pseudo = _headers(request)
    authority = pseudo.get(":authority") or match["authority"].removesuffix(_PORTS[scheme])
    if not any(name.lower() == b"host" for name, _ in headers):
        headers.insert(0, (b"Host", authority.encode("latin-1", "replace")))
    target = pseudo.get(":path") or match["rest"]
    if not target.startswith("/"):
        target = f"/{target}"
    if not target.isascii() or any(char <= " " or char == "\x7f" for char in target):
        raise RawRequestError("the entry's URL has characters that no request line holds")
    body = _body(request)
    _check_length(headers, body)
    return WireRequest(method, target, scheme, headers, body)


def _entry(document: dict[str, Any], number: int | None) -> dict[str, Any]:
    if "log" not in document:
        if number is not None:
            raise RawRequestError("--entry is for whole HAR files, and this is one entry")
        return document if isinstance(document.get("request"), dict) else {"request": document}
    entries = _object(document, "log").get("entries")
    if not isinstance(entries, list) or not entries:
        raise RawRequestError("the HAR file has no entries")
    if number is None:
        if len(entries) > 1:
            raise RawRequestError(f"the HAR file has {len(entries)} entries; choose with --entry N")
        number = 1
    if not 1 <= number <= len(entries):
        raise RawRequestError(f"--entry is 1 to {len(entries)} here")
    entry = entries[number - 1]
    if not isinstance(entry, dict):
        raise RawRequestError(f"entry {number} is not an object")
    return entry


def _object(node: dict[str, Any], name: str) -> dict[str, Any]:
    value = node.get(name)
    if not isinstance(value, dict):
        raise RawRequestError(f"{name} of the HAR entry is missing or not an object")
    return value


def _string(node: dict[str, Any], name: str) -> str:
    value = node.get(name)
    if not isinstance(value, str):
        raise RawRequestError(f"{name} of the HAR entry is missing or not a string")
    return value


def _headers(request: dict[str, Any]) -> tuple[RawHeaders, dict[str, str]]:
    lines = request.get("headers")
    if not isinstance(lines, list) or len(lines) > _MAX_HEADERS:
        raise RawRequestError(f"headers of the HAR entry is not a list of up to {_MAX_HEADERS}")
    headers: RawHeaders = []
    pseudo: dict[str, str] = {}
    for line in lines:
        if not isinstance(line, dict):
            raise RawRequestError("a header of the HAR entry is not an object")
        name, value = _string(line, "name"), _string(line, "value")
        if name.startswith(":"):
            pseudo[name] = value
            continue
        if not name or any(char in name + value for char in "\r\n\0"):
            raise RawRequestError("a header of the HAR entry has no name, or a line end in it")
        headers.append((_octets(name), _octets(value).strip(b" \t")))
    return headers, pseudo


def _octets(text: str) -> bytes:
    # Browsers show one character an octet; other tools decode UTF-8.
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _body(request: dict[str, Any]) -> bytes:
    if request.get("postData") is None:
        return b""
    data = _object(request, "postData")
    if "text" not in data:
        if data.get("params"):
            raise RawRequestError("the entry has the body as params only, not its octets")
        return b""
    text = _string(data, "text")
    if data.get("encoding") != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise RawRequestError("postData.text of the HAR entry is not base64") from None


def _check_length(headers: RawHeaders, body: bytes) -> None:
    for name, value in headers:
        if name.lower() == b"content-length" and value.isdigit() and int(value[:18]) != len(body):
            raise RawRequestError(
                f"Content-Length is {value[:18].decode()}, and postData has {len(body)} octets:"
                " the HAR file does not hold the body as it was sent"
            )
