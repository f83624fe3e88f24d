"""How long a key can go on verifying after somebody took it back: arithmetic alone.

A platform takes a key out of its profile. What we hold may have been asked for in the very moment
before. From then on it is used for at most the ceiling of its tier, and for at most the bound of
stale-while-revalidate after that, in which every try to fetch it again may fail; then it is used no
more, whatever its sender says and whether or not it can be reached. Another key of the platform
ends it earlier: a kid that is not in the document has it fetched again. A document from the fleet
has the life of its original fetch.

We take a key back ourselves by ``discovery.revoked``, which is looked at when a signature is
verified and once more before anything is sent or replayed: it counts from the moment at which the
file is read.
"""

from __future__ import annotations

from connector.platforms.freshness import CEILING_DISCOVERED, CEILING_REGISTERED, MAX_STALE


def longest_after_unpublishing(*, registered: bool) -> float:
    """Return the most seconds from the last moment at which a profile's URL served a key.

    By the clock of the gateway that fetched it; replicas whose clocks differ add the difference.
    """
    return (CEILING_REGISTERED if registered else CEILING_DISCOVERED) + MAX_STALE
