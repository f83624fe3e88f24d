"""JWK sets (RFC 7517 section 5): one bad entry never voids the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from canonical.errors import AlgorithmUnsupported, CanonicalError, DuplicateKey, KeyNotFound
from canonical.keys import Key, load_key, serves_signatures

if TYPE_CHECKING:
    from collections.abc import Iterator

# One kid names one key. A stranger's set may repeat it, but not make us load a thousand keys.
_MAX_ENTRIES_PER_KID: Final = 16


class KeySet:
    """The entries of a JWK set; a key is loaded when it is first asked for.

    Entries that are not for signatures (``use``, ``key_ops``) or are no objects are left out.
    """

    def __init__(self, entries: Sequence[object]) -> None:
        self._entries = [
            entry for entry in entries if isinstance(entry, Mapping) and serves_signatures(entry)
        ]
        self._by_kid: dict[str, list[Mapping[str, Any]]] = {}
        for entry in self._entries:
            kid = entry.get("kid")
            if isinstance(kid, str):
                self._by_kid.setdefault(kid, []).append(entry)
        self._loaded: dict[str, Key] = {}

    def get(self, kid: str) -> Key:
        """Return the one key with this kid.

        Entries that describe one key twice count once. KeyNotFound where there is none,
        AlgorithmUnsupported where the entry is malformed or of an unknown kind, DuplicateKey where
        two different ones are left.
        """
        key = self._loaded.get(kid)
        if key is None:
            entries = self._by_kid.get(kid)
            if entries is None:
                raise KeyNotFound(f"no key with kid {kid[:100]!r}")
            key = self._loaded[kid] = _only_key(kid, entries)
        return key

    def by_thumbprint(self, wanted: str) -> Key:
        """Return the usable key with this RFC 7638 thumbprint; KeyNotFound where there is none."""
        for key in self:
            if key.thumbprint == wanted:
                return key
        raise KeyNotFound(f"no key with thumbprint {wanted[:100]!r}")

    def __iter__(self) -> Iterator[Key]:
        """Yield every usable key in the order of the set, one that is listed twice only once."""
        seen = set()
        for entry in self._entries:
            try:
                key = load_key(entry)
            except CanonicalError:
                continue
            if (key.kid, key.thumbprint) not in seen:
                seen.add((key.kid, key.thumbprint))
                yield key


def load_key_set(document: object) -> KeySet:
    """Return the set in a parsed ``{"keys": [...]}`` or list of JWKs (RFC 7517 section 5).

    One bad entry never voids the set: it is unusable, and ``KeySet.get`` says so. CanonicalError
    only where the document is neither of the two.
    """
    entries = document.get("keys") if isinstance(document, Mapping) else document
    if not isinstance(entries, (list, tuple)):
        raise CanonicalError("a key set is a list of keys, or an object that has one as keys")
    return KeySet(entries)


def _only_key(kid: str, entries: list[Mapping[str, Any]]) -> Key:
    """Return the key that all entries describe."""
    if len(entries) > _MAX_ENTRIES_PER_KID:
        raise DuplicateKey(f"more than {_MAX_ENTRIES_PER_KID} keys with kid {kid[:100]!r}")
    usable: dict[str, Key] = {}
    reason = None
    for entry in entries:
        try:
            key = load_key(entry)
        except CanonicalError as error:
            reason = str(error)
        else:
            usable.setdefault(key.thumbprint, key)
    if len(usable) + (reason is not None) > 1:
        raise DuplicateKey(f"different keys with kid {kid[:100]!r}")
    if reason is not None:
        raise AlgorithmUnsupported(f"the key with kid {kid[:100]!r} is unusable: {reason}")
    (key,) = usable.values()
    return key
