"""Key directories prove themselves: each key signs the answer that it stands in.

draft-meunier-webbotauth-httpsig-directory, Binding keys to the directory authority: such a
signature covers the authority that was asked, so nobody can serve another's directory as his own,
or claim a key that he does not have. A key without one is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError, Request, Response, parse_signatures, verify
from canonical.digest import checked_algorithms
from connector.platforms.documents import malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canonical import KeySet, Signature
    from connector.egress.fetch import FetchedDocument
    from connector.egress.urls import ProfileUrl

DIRECTORY_PATH: Final = "/.well-known/http-message-signatures-directory"
MEDIA_TYPE: Final = b"application/http-message-signatures-directory+json"
TAG: Final = "http-message-signatures-directory"
MAX_SIGNATURES: Final = 8
"""Signatures of one directory that are checked, the first ones: a stranger's keys cost us that."""
MAX_OCTETS: Final = 8192
"""Octets of each signature header that are read: what those signatures need, and room."""

_SKEW: Final = 30
"""Seconds by which two clocks may differ, both ways (ucp-rules section 3.9)."""


def check_media_type(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Refuse what was not served as a directory; raises ``profile_malformed``.

    Whoever may place files on a host cannot often choose their media type.
    """
    types = [value for name, value in headers if name.lower() == b"content-type"]
    if len(types) != 1 or types[0].partition(b";")[0].strip().lower() != MEDIA_TYPE:
        raise malformed("directory_media_type", "the directory has not the media type of one")


def proven_kids(
    url: ProfileUrl, document: FetchedDocument, keys: KeySet, now: float
) -> dict[str, int]:
    """Return the kids of the keys that have signed the directory, and until when they have.

    Raises ``profile_malformed`` where there is none. Times are UNIX seconds, ``now`` is when the
    directory came. A signature counts that has the tag, names its key by thumbprint, covers
    ``"@authority";req``, and is valid then; of two by one key the one that ends later. Where there
    is a Content-Digest it must be that of the body, whatever covers it.
    """
    request = Request(
        method="GET",
        target=url.target,
        scheme=url.scheme,
        headers=[(b"Host", url.authority.encode("ascii"))],
    )
    answer = Response(
        status=200, headers=list(document.headers), body=document.body, request=request
    )
    index = answer.headers.index
    for name in (b"signature-input", b"signature", b"content-digest"):
        if sum(map(len, index.get(name, ()))) > MAX_OCTETS:
            raise malformed("directory_headers", "the directory's signature headers are too long")
    digests = index.get(b"content-digest")
    try:
        if digests is not None:
            checked_algorithms(digests, document.body)
        signatures = parse_signatures(answer)
    except CanonicalError as error:
        raise malformed("directory_unsigned", f"the directory's signature: {error}") from error
    proven: dict[str, int] = {}
    for signature in signatures[:MAX_SIGNATURES]:
        claim = _claim(signature, now)
        if claim is not None and _verifies(signature, answer, keys, claim.keyid):
            proven[claim.keyid] = max(claim.expires, proven.get(claim.keyid, 0))
    if not proven:
        raise malformed("directory_unsigned", "none of the directory's keys has signed it")
    return proven


class _Claim(NamedTuple):
    """What a signature says that counts: this key is here until then."""

    keyid: str
    expires: int


def _claim(signature: Signature, now: float) -> _Claim | None:
    parameters = signature.parameters
    created, expires = parameters.get("created"), parameters.get("expires")
    tag, keyid = parameters.get("tag"), parameters.get("keyid")
    # The exact types: a token is a kind of str here, and a boolean one of int.
    if type(tag) is not str or type(keyid) is not str:
        return None
    if type(created) is not int or type(expires) is not int:
        return None
    here = any(
        name == "@authority" and parameters == {"req": True}
        for name, parameters in signature.components
    )
    timely = created < expires and created - _SKEW <= now <= expires + _SKEW
    return _Claim(keyid, expires) if tag == TAG and here and timely else None


def _verifies(signature: Signature, answer: Response, keys: KeySet, keyid: str) -> bool:
    try:
        key = keys.get(keyid)
        if key.thumbprint != keyid:
            return False
        verify(answer, signature, key)
    except CanonicalError:
        return False
    return True
