"""The same change to another signature: what was done to one octet string is done to the next.

Two signatures have nothing in common but their form. A change is recognised by where the octets of
the one before it are found after it, and told as slices, so it can be made to any other one.
"""

from __future__ import annotations

from base64 import b64encode
from difflib import SequenceMatcher
from string import ascii_lowercase, ascii_uppercase, digits
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ALPHABET: Final = f"{ascii_uppercase}{ascii_lowercase}{digits}+/"  # RFC 4648 section 4
_LEAST: Final = 8
"""Octets that two signatures do not have in common by chance."""
_MOST_FLIPPED: Final = 4
_ALIKE: Final = 0.8
"""Of two texts that a small change leads from one to the other."""
# RFC 8032 section 5.1: the order of the group.
_ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def is_constant(value: bytes) -> bool:
    """Whether these octets are no signature that anybody made: too short, or of few values."""
    return len(value) < 2 * _LEAST or len(set(value)) <= 2


def carried(pairs: Iterable[tuple[bytes, bytes]], spoilt: bytes) -> bytes | None:
    """Return what the change that led to ``spoilt`` makes of another signature.

    ``pairs`` are good signatures, of which one may have become ``spoilt``, each with the other
    signature of the same length that stands for it now. None where ``spoilt`` has nothing in common
    with any of them.
    """
    pairs = [(good, made) for good, made in pairs if len(good) == len(made)]
    for good, made in pairs:
        found = _encoded(good, spoilt, made) or _flipped(good, spoilt, made)
        if found is not None:
            return found
    sliced = [_of_slices(good, spoilt, made) for good, made in pairs]
    # The one that explains most of it.
    most, found = max(sliced, default=(0, b""))
    return found if most else None


def _encoded(good: bytes, spoilt: bytes, made: bytes) -> bytes | None:
    for encode in _ENCODINGS:
        if encode(good) == spoilt:
            return encode(made)
    return None


def _flipped(good: bytes, spoilt: bytes, made: bytes) -> bytes | None:
    if len(good) != len(spoilt):
        return None
    added = _scalar(spoilt) - _scalar(good)
    if good[:32] == spoilt[:32] and added in (_ED25519_ORDER, -_ED25519_ORDER):
        return made[:32] + (_scalar(made) + added).to_bytes(32, "little")
    mask = bytes(x ^ y for x, y in zip(good, spoilt, strict=True))
    if len(mask) - mask.count(0) > _MOST_FLIPPED:
        return None
    return bytes(x ^ y for x, y in zip(made, mask, strict=True))


def carried_text(good: str, spoilt: str, made: str) -> str | None:
    """Return what the change from one text to the other makes of a third.

    None where the two are not alike, or the third is of another length.
    """
    matcher = SequenceMatcher(None, good, spoilt, autojunk=False)
    if len(good) != len(made) or matcher.ratio() < _ALIKE:
        return None
    parts = []
    for tag, start, end, from_, to in matcher.get_opcodes():
        if tag == "equal":
            parts.append(made[start:end])
        elif end - start == to - from_:
            letters = zip(good[start:end], spoilt[from_:to], made[start:end], strict=True)
            parts.append("".join(_letter(*each) for each in letters))
        else:
            parts.append(spoilt[from_:to])
    return "".join(parts)


def _of_slices(good: bytes, spoilt: bytes, made: bytes) -> tuple[int, bytes]:
    """Tell the spoilt one as slices of the good one, from either end, and octets of its own.

    Return how many octets were found, and the same of the other signature.
    """
    parts, at, known = [], 0, 0
    while at < len(spoilt):
        for octets, others in ((good, made), (good[::-1], made[::-1])):
            length = _longest(octets, spoilt[at:])
            if length:
                start = octets.index(spoilt[at : at + length])
                parts.append(others[start : start + length])
                known += length
                break
        else:
            length = 1
            parts.append(spoilt[at : at + 1])
        at += length
    return known, b"".join(parts)


def _longest(octets: bytes, wanted: bytes) -> int:
    """Return how much of the beginning of ``wanted`` occurs in the octets; 0 for chance."""
    for length in range(len(wanted), _LEAST - 1, -1):
        if wanted[:length] in octets:
            return length
    return 0


def _letter(good: str, spoilt: str, made: str) -> str:
    """Change the bits of a base64 letter that were changed."""
    if not {good, spoilt, made} <= set(_ALPHABET):
        return spoilt
    return _ALPHABET[_ALPHABET.index(good) ^ _ALPHABET.index(spoilt) ^ _ALPHABET.index(made)]


def _scalar(octets: bytes) -> int:
    return int.from_bytes(octets[32:], "little")


def der(raw: bytes) -> bytes:
    """Return r||s as DER writes it (RFC 3279 section 2.2.3)."""
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


def _hex(octets: bytes) -> bytes:
    return octets.hex().encode("ascii")


# In place of the octets themselves.
_ENCODINGS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    der,
    b64encode,
    _hex,
    lambda octets: _hex(octets).upper(),
)
