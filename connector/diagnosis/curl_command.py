"""A curl command line as the request that curl would send.

Written by browsers ("Copy as cURL"), by ``ucp-connector sign --format curl`` and by people. What
curl does to a request is done here, too: Host, Accept and Content-Type by default, no default
port, no fragment, dot segments removed. Nothing is run, and nothing is sent.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.diagnosis.raw_request import RawRequestError
from connector.diagnosis.shell_words import ShellError, split
from connector.diagnosis.vectors import WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector.steps import RawHeaders

# Options by their long name; short ones are translated first.
_SHORT: Final = {
    "H": "header",
    "X": "request",
    "d": "data",
    "b": "cookie",
    "A": "user-agent",
    "e": "referer",
    "u": "user",
    "G": "get",
    "I": "head",
    "g": "globoff",
    "k": "insecure",
    "s": "silent",
    "S": "show-error",
    "v": "verbose",
    "i": "include",
    "L": "location",
    "f": "fail",
    "N": "no-buffer",
    "o": "output",
    "w": "write-out",
    "m": "max-time",
    "x": "proxy",
    "E": "cert",
    "D": "dump-header",
    "c": "cookie-jar",
    "#": "progress-bar",
    "q": "disable",
    "4": "ipv4",
    "6": "ipv6",
}
_BODY: Final = frozenset({"data", "data-ascii", "data-raw", "data-binary", "json"})
_VALUED: Final = _BODY | {"header", "request", "url", "cookie", "user-agent", "referer", "user"}
_SWITCHES: Final = frozenset({"get", "head", "globoff", "path-as-is", "compressed"})
# They change how curl works, and nothing of the request that a signature covers.
_IDLE: Final = re.compile(
    r"disable|insecure|silent|show-error|verbose|include|location|fail|fail-with-body|no-buffer"
    r"|progress-bar|no-progress-meter|ipv[46]|http1\.1|http2|http2-prior-knowledge|http3|no-alpn"
    r"|tlsv1\.[23]|ssl-no-revoke|tcp-nodelay|no-keepalive"
).fullmatch
_IDLE_VALUED: Final = re.compile(
    r"output|write-out|max-time|connect-timeout|retry|retry-delay|cacert|capath|cert|key"
    r"|resolve|connect-to|proxy|noproxy|dump-header|cookie-jar|ciphers|trace|trace-ascii"
    r"|interface|max-redirs"
).fullmatch
_URL: Final = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://)?(?:(?P<user>[^/?#@]*)@)?"
    r"(?P<authority>(?:\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]+)(?::[0-9]+)?)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?",
    re.DOTALL,
)
_PROMPT: Final = re.compile(r"\s*[$%] +")
_GLOB: Final = re.compile(r"[{}\[\]]")
_PORTS: Final = {"https": ":443", "http": ":80"}
_MAX_WORDS: Final = 2000


class _Given(NamedTuple):
    """The options that count, in order, and the URLs."""

    options: list[tuple[str, bytes]]
    switches: set[str]
    urls: list[bytes]

    def all(self, *names: str) -> list[bytes]:
        return [value for name, value in self.options if name in names]

    def last(self, name: str) -> bytes | None:
        values = self.all(name)
        return values[-1] if values else None


def read_curl(text: str, read_file: Callable[[str], bytes]) -> WireRequest:
    """Return what curl would send; ``read_file`` reads ``@FILE``. Raises RawRequestError."""
    try:
        words = split(_PROMPT.sub("", text, count=1))
    except ShellError as error:
        hint = " (on Windows, copy as cURL for bash)" if "^" in text else ""
        raise RawRequestError(f"{error}{hint}") from error
    if not words or words[0].rpartition(b"/")[2] not in (b"curl", b"curl.exe"):
        raise RawRequestError("the command is not curl")
    if len(words) > _MAX_WORDS:
        raise RawRequestError(f"more than {_MAX_WORDS} words")
    given = _options(words[1:])
    return _request(given, read_file)


def _options(words: list[bytes]) -> _Given:
    given = _Given([], set(), [])
    rest = iter(words)
    for word in rest:
        text = word.decode("utf-8", "replace")
        if text.startswith("--") and len(text) > 2:
            _take(given, text[2:], text, None, rest)
        elif text.startswith("-") and len(text) > 1:
            _cluster(given, word, rest)
        else:
            given.urls.append(word)
    given.urls.extend(given.all("url"))
    return given


def _cluster(given: _Given, word: bytes, rest: Iterator[bytes]) -> None:
    """Read ``-sSd@file``: switches, then perhaps an option with its value behind it."""
    for at in range(1, len(word)):
        letter = chr(word[at])
        name = _SHORT.get(letter)
        if name is None:
            raise _unknown(f"-{letter}")
        if name in _VALUED or _IDLE_VALUED(name):
            _take(given, name, f"-{letter}", word[at + 1 :] or None, rest)
            return
        _take(given, name, f"-{letter}", None, rest)


def _take(
    given: _Given, name: str, spelled: str, value: bytes | None, rest: Iterator[bytes]
) -> None:
    if name in _SWITCHES:
        given.switches.add(name)
        return
    if _IDLE(name):
        return
    if name not in _VALUED and not _IDLE_VALUED(name):
        raise _unknown(spelled)
    if value is None:
        value = next(rest, None)
    if value is None:
        raise RawRequestError(f"curl's option {spelled} has no value")
    if name in _VALUED:
        given.options.append((name, value))


def _unknown(spelled: str) -> RawRequestError:
    return RawRequestError(f"curl's option {ascii(spelled)[1:-1]} is not known here; leave it out")


def _request(given: _Given, read_file: Callable[[str], bytes]) -> WireRequest:
    if len(given.urls) != 1:
        raise RawRequestError(f"curl has {len(given.urls)} URLs here, not one")
    url = _text(given.urls[0], "the URL")
    match = _URL.fullmatch(url)
    if match is None:
        raise RawRequestError("the URL has no host")
    scheme = (match["scheme"] or "http").lower()
    if scheme not in _PORTS:
        raise RawRequestError("the URL is neither http nor https")
    # An IPv6 address has brackets of its own.
    rest = (match["path"] or "") + (match["query"] or "")
    if "globoff" not in given.switches and _GLOB.search(rest):
        raise RawRequestError("curl reads brackets and braces in a URL as patterns; add --globoff")
    path = match["path"] or "/"
    if "path-as-is" not in given.switches:
        path = _without_dots(path)
    body = _body(given, read_file)
    query = match["query"] or ""
    if "get" in given.switches and body is not None:
        query += ("&" if query else "?") + _text(body, "the data of --get")
        body = None
    method = "HEAD" if "head" in given.switches else "GET" if body is None else "POST"
    chosen = given.last("request")
    if chosen is not None:
        method = _text(chosen, "the method")
    authority = match["authority"].removesuffix(_PORTS[scheme])
    return WireRequest(
        method,
        path + query,
        scheme,
        _headers(given, authority, match["user"], has_body=body is not None),
        body or b"",
    )


def _text(octets: bytes, what: str) -> str:
    try:
        text = octets.decode("ascii")
    except UnicodeDecodeError:
        raise RawRequestError(f"{what} is not ASCII") from None
    if any(char <= " " or char == "\x7f" for char in text):
        raise RawRequestError(f"{what} has a space or control character")
    return text


def _body(given: _Given, read_file: Callable[[str], bytes]) -> bytes | None:
    """Put the data together as curl does; None where there is none."""
    parts: list[bytes] = []
    joined = b""
    for name, value in given.options:
        if name not in _BODY:
            continue
        data = value
        if name != "data-raw" and value.startswith(b"@"):
            if value == b"@-":
                raise RawRequestError("the data comes from curl's standard input; put it in a file")
            if "get" in given.switches:
                # It would stand in the target, which is shown to whoever asked for an explanation.
                raise RawRequestError("curl: --get with data from a file is not read here")
            data = read_file(value[1:].decode("utf-8", "surrogateescape"))
            if name in {"data", "data-ascii"}:
                # curl's manual, --data: carriage returns, newlines and null bytes are stripped.
                data = data.translate(None, b"\r\n\0")
        # --json: several are one text; all others are joined as the fields of a form.
        joined = b"" if name == "json" or not parts else b"&"
        parts.append(joined + data)
    return b"".join(parts) if parts else None


def _headers(given: _Given, authority: str, user: str | None, *, has_body: bool) -> RawHeaders:
    headers: RawHeaders = [(b"Host", authority.encode("ascii"))]
    credentials = given.last("user") or (user.encode("ascii") if user else None)
    if credentials is not None:
        headers.append((b"Authorization", b"Basic " + b64encode(credentials)))
    for name, field in (
        ("user-agent", b"User-Agent"),
        ("referer", b"Referer"),
        ("cookie", b"Cookie"),
    ):
        value = given.last(name)
        if value:
            headers.append((field, value))
    as_json = bool(given.all("json"))
    headers.append((b"Accept", b"application/json" if as_json else b"*/*"))
    if has_body:
        kind = b"application/json" if as_json else b"application/x-www-form-urlencoded"
        headers.append((b"Content-Type", kind))
    return _overridden(headers, given.all("header"))


def _overridden(headers: RawHeaders, lines: list[bytes]) -> RawHeaders:
    """Apply ``--header``: a line replaces curl's own, ``Name:`` removes it, ``Name;`` is empty."""
    given: RawHeaders = []
    named = set()
    for line in lines:
        if line.startswith(b"@"):
            raise RawRequestError("--header @FILE is not read here; give the lines themselves")
        name, colon, value = line.partition(b":")
        if not colon and line.endswith(b";"):
            name, value = line[:-1], b""
        elif not colon:
            raise RawRequestError("a --header is not 'Name: value'")
        elif not value.strip():
            named.add(name.strip().lower())
            continue
        if any(octet in line for octet in b"\r\n\0"):
            raise RawRequestError("a --header has a line end or NUL in it")
        named.add(name.strip().lower())
        given.append((name.strip(), value.strip(b" \t")))
    return [line for line in headers if line[0].lower() not in named] + given


def _without_dots(path: str) -> str:
    """Remove dot segments (RFC 3986 section 5.2.4), as curl does without --path-as-is."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
