"""Our keys where Web Bot Auth looks for them: ``/.well-known/http-message-signatures-directory``.

draft-meunier-webbotauth-httpsig-protocol: a JWK set of its own media type in which a kid is the
key's thumbprint, with one signature by each of the keys over the authority that was asked and the
digest of the body, so that nobody can serve a copy under another name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from canonical import Response, content_digest, sign
from canonical.targets import authority_of
from connector.signing.documents import is_current, rendered, unchanged
from connector.steps import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canonical import Key, Request
    from connector.signing.current import CurrentKeys
    from connector.signing.documents import Rendered
    from connector.signing.key_ring import Phase
    from connector.steps import RawHeaders

DIRECTORY_PATH: Final = "/.well-known/http-message-signatures-directory"

_MEDIA_TYPE: Final = b"application/http-message-signatures-directory+json"
_COMPONENTS: Final = ('"@authority";req', "content-digest")
_TAG: Final = "http-message-signatures-directory"
_GOOD_FOR: Final = 24 * 3600
"""Seconds until a proof expires: who hands it on needs more than the time of a cache."""
_SIGNED_AGAIN: Final = 3600.0
"""Seconds for which a proof is sent: strangers cannot make us sign more often than that."""


class KeyDirectory:
    """Answers with the keys of one merchant that are published now.

    ``authorities`` are the merchant's, as ``@authority`` has them: proofs are made for no other
    one, and there is one for each of them at most.
    """

    def __init__(self, keys: CurrentKeys, authorities: Iterable[str]) -> None:
        self._keys = keys
        self._authorities = frozenset(authorities)
        self._phase: Phase | None = None
        self._document = rendered(b"", _MEDIA_TYPE)
        self._proofs: dict[str, tuple[float, RawHeaders]] = {}

    def answer(self, request: Request) -> Answer:
        """Answer a GET or HEAD.

        A proof is of a body, so it goes with one: the answers to HEAD and 304 have none.
        """
        now = self._keys.clock()
        phase = self._keys.phase(now)
        if phase is not self._phase:
            self._phase = phase
            self._document = rendered(_key_set(phase.published), _MEDIA_TYPE)
            self._proofs.clear()
        document = self._document
        if is_current(document, request):
            return unchanged(document)
        headers = document.headers
        # Without keys there is nothing to prove, and a field without members is not sent
        # (RFC 9651 section 3.2).
        if request.method == "GET" and phase.published:
            headers = [*headers, *self._proof(phase, document, request, now)]
        return Answer(200, headers, document.body)

    def _proof(self, phase: Phase, document: Rendered, request: Request, now: float) -> RawHeaders:
        authority = authority_of(request)
        if authority not in self._authorities:
            return []
        made, lines = self._proofs.get(authority, (0.0, []))
        if not lines or now - made >= _SIGNED_AGAIN:
            lines = _signatures(phase.published, document.body, request, int(now))
            self._proofs[authority] = (now, lines)
        return lines


def _key_set(keys: Iterable[Key]) -> bytes:
    entries = []
    for key in keys:
        jwk = key.public_jwk()
        # The draft's alg is RFC 9421's name of an algorithm, which the key's kind says already.
        del jwk["alg"]
        entries.append({**jwk, "kid": key.thumbprint})
    return json.dumps({"keys": entries}, separators=(",", ":")).encode("ascii")


def _signatures(keys: Iterable[Key], body: bytes, request: Request, created: int) -> RawHeaders:
    digest = content_digest(body).encode("ascii")
    message = Response(status=200, headers=[(b"Content-Digest", digest)], request=request)
    pairs = [
        sign(
            message,
            key,
            _COMPONENTS,
            label=f"sig{number}",
            created=created,
            expires=created + _GOOD_FOR,
            keyid=key.thumbprint,
            tag=_TAG,
        )
        for number, key in enumerate(keys, 1)
    ]
    return [
        (b"Content-Digest", digest),
        (b"Signature-Input", ", ".join(given for given, _ in pairs).encode("ascii")),
        (b"Signature", ", ".join(value for _, value in pairs).encode("ascii")),
    ]
