"""Merkle trees: against the recursive definitions of RFC 6962, and its published hashes."""

from __future__ import annotations

import contextlib
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.audit.tree import (
    EMPTY,
    ProofError,
    check_consistency,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    root_of_inclusion,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# The inputs and roots of certificate-transparency's own tests.
_INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def mth(entries: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\x01" + mth(entries[:split]) + mth(entries[split:])).digest()


def path(index: int, entries: list[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1."""
    if len(entries) == 1:
        return []
    split = 1
    while split * 2 < len(entries):
        split *= 2
    if index < split:
        return [*path(index, entries[:split]), mth(entries[split:])]
    return [*path(index - split, entries[split:]), mth(entries[:split])]


def proof(first: int, entries: list[bytes], *, whole: bool = True) -> list[bytes]:
    """RFC 6962 section 2.1.2."""
    if first == len(entries):
        return [] if whole else [mth(entries)]
    split = 1
    while split * 2 < len(entries):
        split *= 2
    if first <= split:
        return [*proof(first, entries[:split], whole=whole), mth(entries[split:])]
    return [*proof(first - split, entries[split:], whole=False), mth(entries[:split])]


def reader(entries: list[bytes]) -> Callable[[int, int], bytes]:
    def read(level: int, index: int) -> bytes:
        chosen = entries[index << level : (index + 1) << level]
        assert len(chosen) == 1 << level
        return mth(chosen)

    return read


def entries_of(size: int) -> list[bytes]:
    return [b"%d" % number for number in range(size)]


def test_the_published_roots_come_out() -> None:
    assert EMPTY == mth([]) == root(0, reader([]))
    for size, expected in enumerate(_ROOTS, start=1):
        assert root(size, reader(_INPUTS)).hex() == expected


@given(st.integers(1, 70), st.data())
def test_paths_are_those_of_the_definition_and_lead_to_the_root(
    size: int, data: st.DataObject
) -> None:
    entries = entries_of(size)
    index = data.draw(st.integers(0, size - 1))
    found = inclusion_proof(index, size, reader(entries))
    assert found == path(index, entries)
    assert root_of_inclusion(index, size, leaf_hash(entries[index]), found) == mth(entries)


@given(st.integers(1, 40), st.data())
def test_a_path_leads_to_the_root_for_its_own_leaf_alone(size: int, data: st.DataObject) -> None:
    entries = entries_of(size)
    index, other = (data.draw(st.integers(0, size - 1)) for _ in range(2))
    found = inclusion_proof(index, size, reader(entries))
    wrong = [
        (other, leaf_hash(entries[index]), found),
        (index, leaf_hash(entries[other]), found),
        (index, leaf_hash(entries[index]), [*found, b"\0" * 32]),
        (index, leaf_hash(entries[index]), found[:-1]),
    ]
    for at, leaf, steps in wrong:
        if (at, leaf, steps) == (index, leaf_hash(entries[index]), found):
            continue
        with contextlib.suppress(ProofError):
            assert root_of_inclusion(at, size, leaf, steps) != mth(entries)


@given(st.integers(1, 70), st.data())
def test_a_tree_shows_that_it_grew_out_of_an_earlier_one(size: int, data: st.DataObject) -> None:
    entries = entries_of(size)
    first = data.draw(st.integers(1, size))
    found = consistency_proof(first, size, reader(entries))
    assert found == proof(first, entries)
    roots = mth(entries[:first]), mth(entries)
    check_consistency(first, size, *roots, found)
    changed = [*entries]
    changed[data.draw(st.integers(0, first - 1))] = b"another"
    with pytest.raises(ProofError):
        check_consistency(first, size, mth(changed[:first]), roots[1], found)
    with pytest.raises(ProofError):
        check_consistency(first, size, *roots, [*found, b"\0" * 32])
    if found:
        with pytest.raises(ProofError):
            check_consistency(first, size, *roots, found[:-1])


def test_what_no_tree_has_is_refused() -> None:
    read = reader(entries_of(4))
    for index, size in ((4, 4), (-1, 4), (0, 0)):
        with pytest.raises(ProofError):
            inclusion_proof(index, size, read)
        with pytest.raises(ProofError):
            root_of_inclusion(index, size, b"", [])
    for first, second in ((0, 4), (5, 4)):
        with pytest.raises(ProofError):
            consistency_proof(first, second, read)
        with pytest.raises(ProofError):
            check_consistency(first, second, b"", b"", [b""])
