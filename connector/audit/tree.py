"""Merkle tree hashes and proofs of RFC 6962 section 2.1, over hashes read from anywhere: pure.

A tree of ``size`` leaves is asked for by its perfect subtrees: ``read(level, index)`` returns the
hash over the leaves ``[index << level, (index + 1) << level)``. Hashes have 32 octets.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Reader = Callable[[int, int], bytes]

EMPTY: Final = sha256(b"").digest()
"""The root of a tree without leaves."""


class ProofError(ValueError):
    """A proof does not show what it is said to show."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one."""
    return sha256(b"\x01" + left + right).digest()


def peaks(begin: int, end: int) -> list[tuple[int, int]]:
    """Return the largest perfect subtrees that cover ``[begin, end)``, as (level, index)."""
    found = []
    while begin < end:
        level = ((begin & -begin).bit_length() if begin else end.bit_length()) - 1
        level = min(level, (end - begin).bit_length() - 1)
        found.append((level, begin >> level))
        begin += 1 << level
    return found


def root(size: int, read: Reader) -> bytes:
    """Return the hash of the tree with the first ``size`` leaves."""
    return _fold([read(*peak) for peak in peaks(0, size)]) if size else EMPTY


def _fold(hashes: Sequence[bytes]) -> bytes:
    total = hashes[-1]
    for each in reversed(hashes[:-1]):
        total = node_hash(each, total)
    return total


def _subtree(begin: int, end: int, read: Reader) -> bytes:
    return _fold([read(*peak) for peak in peaks(begin, end)])


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, read: Reader) -> list[bytes]:
    """Return the audit path of a leaf, from the leaf up (RFC 6962 section 2.1.1)."""
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} has no leaf {index}")
    path, begin, end = [], 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(begin, middle, read))
            begin = middle
    return path[::-1]


def root_of_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """Return the root that a path leads to; ProofError for one that fits no such leaf."""
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} has no leaf {index}")
    total, rest, last = leaf, index, size - 1
    for each in path:
        if not last:
            raise ProofError("the path is too long")
        if rest & 1 or rest == last:
            total = node_hash(each, total)
            while rest and not rest & 1:
                rest, last = rest >> 1, last >> 1
        else:
            total = node_hash(total, each)
        rest, last = rest >> 1, last >> 1
    if last:
        raise ProofError("the path is too short")
    return total


def consistency_proof(first: int, second: int, read: Reader) -> list[bytes]:
    """Return what shows that a tree grew out of an earlier one (RFC 6962 section 2.1.2)."""
    if not 0 < first <= second:
        raise ProofError(f"a tree of {second} did not grow out of one of {first}")
    proof, begin, end, whole = [], 0, second, True
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            proof.append(_subtree(middle, end, read))
            end = middle
        else:
            proof.append(_subtree(begin, middle, read))
            begin, whole = middle, False
    if not whole:
        proof.append(_subtree(begin, end, read))
    return proof[::-1]


def check_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofError unless the second tree begins with the first (RFC 9162 section 2.1.4.2)."""
    if first == second:
        if proof or first_root != second_root:
            raise ProofError("two trees of one size differ")
        return
    if not 0 < first < second or not proof:
        raise ProofError("no proof between such sizes")
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for each in path[1:]:
        if not last:
            raise ProofError("the proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, each)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the proof is too short")
    if old != first_root or new != second_root:
        raise ProofError("the later tree does not begin with the earlier one")


def parents(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the hashes one level up; an odd one at the end is left out."""
    pairs: Iterable[int] = range(0, len(hashes) - 1, 2)
    return [node_hash(hashes[at], hashes[at + 1]) for at in pairs]
