"""``sign --send``: one signed request out, its answer printed and, where asked, verified."""

from __future__ import annotations

import sys
import time
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError
from connector.cli.answer_check import check_answer, published_keys
from connector.cli.failure import CHECK_FAILED, WRONG_USAGE, CommandError
from connector.cli.request_text import as_json, body_members, dumped
from connector.cli.sending import Place, SendError, framed, octets, place_of, send
from connector.cli.signed_request import as_message, draft
from connector.errors import Refusal

if TYPE_CHECKING:
    from canonical import KeySet
    from connector.cli.answer_check import Verified
    from connector.cli.sending import Answer
    from connector.cli.signed_request import Draft, SignedRequest

TIMEOUT: Final = 30.0
"""Seconds for one exchange, where nothing else is said."""
_MAX_ANSWER: Final = 4 * 1024 * 1024
"""Octets of an answer's body: four times what a gateway signs by default."""
_MAX_PROFILE: Final = 256 * 1024
"""Octets of a profile (ucp-rules section 6)."""
_URLS: Final = ("https://", "http://")


class Sending(NamedTuple):
    """How to send: where to, for how long, and whose keys the answer is verified with."""

    connect: Place | None
    """Instead of the URL's own host and port."""
    timeout: float
    verify_with: str | None
    """A URL or a file: a profile, or a JWK set."""


def send_signed(signed: SignedRequest, how: Sending, *, json: bool) -> int:
    """Send, print the answer and return 0 for 2xx; raises CommandError for any other outcome.

    Without an answer, or with one that does not verify, its status is 1. ValueError for what
    cannot be sent.
    """
    request = signed.draft
    keys = None if how.verify_with is None else _keys(how.verify_with, request, how)
    lines = framed(request.method, signed.headers, request.body)
    data = octets(request.method, request.target, lines, request.body)
    answer = _exchanged(request, data, how, _MAX_ANSWER)
    verified, fault = None, ""
    if keys is not None:
        try:
            verified = check_answer(answer, as_message(request, lines), keys, time.time())
        except Refusal as refusal:
            fault = f"the answer does not verify: {refusal.explanation}"
    _print(signed, answer, verified, json=json)
    if fault:
        raise CommandError(fault, status=CHECK_FAILED)
    if verified is not None:
        sys.stderr.write(f"the answer verifies: {verified.label}, keyid {verified.keyid!r}\n")
    if not 200 <= answer.status < 300:
        raise CommandError(f"the answer's status is {answer.status}", status=CHECK_FAILED)
    return 0


def _exchanged(request: Draft, data: bytes, how: Sending, limit: int) -> Answer:
    own = place_of(request.authority, request.scheme)
    try:
        return send(
            how.connect or own,
            data,
            server_name=own.host if request.scheme == "https" else None,
            to_head=request.method == "HEAD",
            timeout=how.timeout,
            limit=limit,
        )
    except SendError as error:
        raise CommandError(str(error), status=CHECK_FAILED) from error


def _keys(source: str, request: Draft, how: Sending) -> KeySet:
    """Read the keys that may have signed the answer."""
    remote = source.startswith(_URLS)
    document = _fetched(source, request, how) if remote else Path(source).read_bytes()
    try:
        return published_keys(document)
    except CanonicalError as error:
        status = CHECK_FAILED if remote else WRONG_USAGE
        raise CommandError(f"{source}: {error}", status=status) from error


def _fetched(url: str, request: Draft, how: Sending) -> bytes:
    headers = [("Accept", "application/json"), ("Accept-Encoding", "identity")]
    get = draft("GET", url, headers, b"", profile=None, idempotency_key=None)
    same = (get.scheme, get.authority) == (request.scheme, request.authority)
    how = how._replace(connect=how.connect if same else None)
    place = how.connect or place_of(get.authority, get.scheme)
    if get.scheme == "http" and not _is_loopback(place.host):
        raise CommandError(f"{url}: keys that came without TLS prove nothing")
    lines = framed("GET", get.headers, b"")
    answer = _exchanged(get, octets("GET", get.target, lines, b""), how, _MAX_PROFILE)
    if answer.status != 200:
        raise CommandError(f"{url}: status {answer.status}", status=CHECK_FAILED)
    return answer.body


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _print(signed: SignedRequest, answer: Answer, verified: Verified | None, *, json: bool) -> None:
    if json:
        document = {
            "request": as_json(signed),
            "answer": {
                "status": answer.status,
                "headers": [[each.decode("latin-1") for each in line] for line in answer.headers],
                **body_members(answer.body),
                "verified": None if verified is None else verified._asdict(),
            },
        }
        sys.stdout.write(f"{dumped(document)}\n")
        return
    head = [b"HTTP %d" % answer.status, *(b"%b: %b" % line for line in answer.headers), b"", b""]
    body = answer.body + (b"" if answer.body.endswith(b"\n") or not answer.body else b"\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\n".join(head) + body)
    sys.stdout.buffer.flush()
