"""Puts our public keys into a profile of the merchant's: pure.

A platform reads ``keys``, or ``signing_keys`` where it speaks an older version (ucp-rules section
2), so both get them. What the merchant publishes himself under other kids stays as it is. A list
that is missing begins as a copy of the other one: who reads the new one must not lose the
merchant's own keys.

Two different keys under one kid would make both useless to every platform. Then ours stays: it
signs every answer, and a platform that was given the merchant's would refuse all of them. The
operator is told. A key of ours that was revoked is left out, whoever lists it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from canonical import CanonicalError, thumbprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connector.signing.key_ring import Phase

LISTS: Final = ("keys", "signing_keys")


class Merged(NamedTuple):
    """A profile with our keys, and what an operator should know of it."""

    document: dict[str, Any]
    complaints: tuple[str, ...]
    """One line for each kid of the merchant's that gave way, sorted."""


def merge_keys(document: Mapping[str, Any], phase: Phase) -> Merged:
    """Return the profile with the keys that are published now; ValueError where it has no lists.

    ``document`` stays as it is.
    """
    for name in LISTS:
        if not isinstance(document.get(name, []), list):
            raise ValueError(f'its "{name}" is not a list')  # noqa: TRY004 - as in read_document
    ours = [key.public_jwk() for key in phase.published]
    prints = {key.kid: key.thumbprint for key in phase.published}
    complaints: set[str] = set()
    merged = dict(document)
    for name, other in zip(LISTS, reversed(LISTS), strict=True):
        listed = document.get(name, document.get(other, []))
        kept = [entry for entry in listed if _stays(entry, prints, phase.revoked, complaints)]
        merged[name] = [*kept, *ours]
    return Merged(merged, tuple(sorted(complaints)))


def _stays(
    entry: object,
    ours: Mapping[str | None, str],
    revoked: Iterable[str],
    complaints: set[str],
) -> bool:
    if not isinstance(entry, dict):
        return True
    try:
        found = thumbprint(entry)
    except CanonicalError:
        found = ""
    kid = entry.get("kid")
    if found in revoked:
        complaints.add(f"it lists the revoked key {found}, which is left out")
        return False
    if not isinstance(kid, str) or kid not in ours:
        return True
    if found != ours[kid]:
        complaints.add(
            f"it lists another key under the kid {kid!r} of ours, which is left out: no platform"
            " could use either"
        )
    return False
