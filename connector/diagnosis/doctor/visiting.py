"""The visit itself: a few requests through the gateway's own guarded way out."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from cryptography.x509 import load_der_x509_certificate

from connector.diagnosis.doctor.directory import directory_url
from connector.diagnosis.doctor.document import older_urls
from connector.diagnosis.doctor.facts import Failed, Visit
from connector.errors import Refusal
from connector.platforms.documents import parse_object

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.diagnosis.doctor.facts import Answered
    from connector.egress.fetch import Exchange, Fetcher
    from connector.egress.urls import ProfileUrl


async def visit(
    fetcher: Fetcher,
    url: ProfileUrl,
    *,
    clock: Callable[[], float],
    allow_loopback: bool = False,
) -> Visit:
    """Ask for a profile, and where there is one for what belongs to it; raises nothing."""
    now = clock()
    profile = await _ask(fetcher, url)
    if isinstance(profile, Failed):
        return Visit(url, now, profile)
    ends = _ends(profile.certificate)
    if profile.status != 200:
        return Visit(url, now, profile, ends)
    leaves = _leaves(profile.body, allow_loopback=allow_loopback)
    again, head, directory, *older = await asyncio.gather(
        _ask(fetcher, url, "GET", _validators(profile)),
        _ask(fetcher, url, "HEAD"),
        _ask(fetcher, directory_url(url)),
        *(_ask(fetcher, leaf) for leaf in leaves.values()),
    )
    known = dict(zip(leaves, older, strict=True))
    return Visit(url, now, profile, ends, again, head, directory, known)


async def _ask(
    fetcher: Fetcher,
    url: ProfileUrl,
    method: str = "GET",
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> Answered:
    try:
        return await fetcher.exchange(url, method, headers)
    except Refusal as refusal:
        return Failed(refusal.code.name, refusal.reason, refusal.explanation, _tls_fault(refusal))


def _tls_fault(refusal: Refusal) -> str:
    cause: BaseException | None = refusal
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, ssl.SSLError):
            return cause.reason or "the TLS handshake failed"
        cause = cause.__cause__
    return ""


def _validators(profile: Exchange) -> list[tuple[bytes, bytes]]:
    pairs = ((b"etag", b"If-None-Match"), (b"last-modified", b"If-Modified-Since"))
    found = [(name, profile.field(field).encode("latin-1")) for field, name in pairs]
    return [(name, value) for name, value in found if value]


def _ends(certificate: bytes | None) -> float | None:
    if certificate is None:
        return None
    try:
        return load_der_x509_certificate(certificate).not_valid_after_utc.timestamp()
    except ValueError:
        # OpenSSL took it and this reader does not: how long it lasts stays unknown.
        return None


def _leaves(body: bytes, *, allow_loopback: bool) -> dict[str, ProfileUrl]:
    try:
        return older_urls(parse_object(body), allow_loopback=allow_loopback)
    except Refusal:
        return {}  # The rule about JSON tells of it.
