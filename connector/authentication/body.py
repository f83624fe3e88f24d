"""What binds the body: Content-Digest with sha-256 (ucp-rules section 3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from canonical import CanonicalError
from canonical.digest import checked_algorithms
from connector.errors import Refusal

if TYPE_CHECKING:
    from canonical import Request


# Digests of every registered algorithm together are shorter.
_MAX_OCTETS: Final = 1024


def check_body(request: Request) -> None:
    """Refuse a body that its Content-Digest does not vouch for: ``digest_mismatch``.

    The header is required with a body of one octet or more; where it is present every known
    algorithm must match, and sha-256 must be among them.
    """
    values = request.headers.index.get(b"content-digest")
    if values is None:
        if request.body:
            raise Refusal("digest_mismatch", "digest_missing", "a body without Content-Digest")
        return
    if sum(map(len, values)) > _MAX_OCTETS:
        raise Refusal("digest_mismatch", "digest_too_long", "Content-Digest is too long")
    try:
        algorithms = checked_algorithms(values, request.body)
    except CanonicalError as error:
        raise Refusal("digest_mismatch", "digest_mismatch", str(error)) from error
    if "sha-256" not in algorithms:
        raise Refusal("digest_mismatch", "digest_sha256_missing", "Content-Digest lacks sha-256")
