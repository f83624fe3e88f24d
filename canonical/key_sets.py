"""JWK sets (RFC 7517 section 5): one bad entry never voids the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from canonical.errors import AlgorithmUnsupported, CanonicalError, DuplicateKey, KeyNotFound
from canonical.keys import Key, load_key, serves_signatures

if TYPE_CHECKING:
    from collections.abc import Iterator

Load = Callable[[Mapping[str, Any]], Key]
# One kid names one key. A stranger's set may repeat it, but not make us load a thousand keys.
_MAX_ENTRIES_PER_KID: Final = 16


class _Entry:
    """One JWK of a set, loaded when it is first wanted: a stranger's set may be long."""

    __slots__ = ("_jwk", "_key", "_load", "_reason")

    def __init__(self, jwk: Mapping[str, Any], load: Load) -> None:
        self._jwk = jwk
        self._load = load
        self._key: Key | None = None
        self._reason: str | None = None

    @property
    def jwk(self) -> Mapping[str, Any]:
        return self._jwk

    def load(self) -> tuple[Key | None, str | None]:
        """Return the key, or None and why it is unusable."""
        if self._key is None and self._reason is None:
            try:
                self._key = self._load(self._jwk)
            except CanonicalError as error:
                self._reason = str(error)
        return self._key, self._reason


class KeySet:
    """The keys of a JWK set.

    Entries that are not for signatures (``use``, ``key_ops``) or are no objects are left out.
    Iterating yields every usable key in the order of the set, one that is listed twice only once.
    ``load`` makes a key of a JWK, or raises CanonicalError.
    """

    def __init__(self, jwks: Sequence[object], load: Load = load_key) -> None:
        self._entries: list[_Entry] = []
        self._by_kid: dict[str, list[_Entry]] = {}
        self._found: dict[str, Key] = {}
        for jwk in jwks:
            if isinstance(jwk, Mapping) and serves_signatures(jwk):
                entry = _Entry(jwk, load)
                self._entries.append(entry)
                kid = jwk.get("kid")
                if isinstance(kid, str):
                    self._by_kid.setdefault(kid, []).append(entry)

    def get(self, kid: str) -> Key:
        """Return the one key with this kid.

        Entries that describe one key twice count once. KeyNotFound where there is none,
        AlgorithmUnsupported where the entry is malformed or of an unknown kind, DuplicateKey where
        two different ones are left.
        """
        key = self._found.get(kid)
        if key is None:
            key = self._found[kid] = self._only_key(kid)
        return key

    def _only_key(self, kid: str) -> Key:
        entries = self._by_kid.get(kid, ())
        shown = repr(kid[:100])
        if not entries:
            raise KeyNotFound(f"no key with kid {shown}")
        if len(entries) > _MAX_ENTRIES_PER_KID:
            raise DuplicateKey(f"more than {_MAX_ENTRIES_PER_KID} keys with kid {shown}")
        usable: dict[str, Key] = {}
        unusable = None
        for entry in entries:
            key, reason = entry.load()
            if key is None:
                unusable = reason
            else:
                usable.setdefault(key.thumbprint, key)
        if len(usable) + (unusable is not None) > 1:
            raise DuplicateKey(f"different keys with kid {shown}")
        if unusable is not None:
            raise AlgorithmUnsupported(f"the key with kid {shown} is unusable: {unusable}")
        (only,) = usable.values()
        return only

    def by_thumbprint(self, wanted: str) -> Key:
        """Return the usable key with this RFC 7638 thumbprint; KeyNotFound where there is none."""
        for key in self:
            if key.thumbprint == wanted:
                return key
        raise KeyNotFound(f"no key with thumbprint {wanted[:100]!r}")

    @property
    def jwks(self) -> list[Mapping[str, Any]]:
        """The entries for signatures as they were given, usable or not, in the order of the set."""
        return [entry.jwk for entry in self._entries]

    def __iter__(self) -> Iterator[Key]:
        seen = set()
        for entry in self._entries:
            key, _ = entry.load()
            if key is not None and (key.kid, key.thumbprint) not in seen:
                seen.add((key.kid, key.thumbprint))
                yield key


def load_key_set(document: object, load: Load = load_key) -> KeySet:
    """Return the set in a parsed ``{"keys": [...]}`` or list of JWKs (RFC 7517 section 5).

    One bad entry never voids the set: it is unusable, and ``KeySet.get`` says so. CanonicalError
    only where the document is neither of the two. ``load`` makes a key of a JWK.
    """
    jwks = document.get("keys") if isinstance(document, Mapping) else document
    if not isinstance(jwks, (list, tuple)):
        raise CanonicalError("a key set is a list of keys, or an object that has one as keys")
    return KeySet(jwks, load)
