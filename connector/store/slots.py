"""Which of a cluster's nodes has which slots, as one of them tells it: pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

SLOTS: Final = 16384

Address = tuple[str, int]


class View(NamedTuple):
    """``ranges`` are first slot, last slot and primary; ``addresses`` are those of all nodes."""

    ranges: tuple[tuple[int, int, Address], ...]
    addresses: frozenset[Address]


def read_view(reply: Any, asked: str) -> View:
    """Return what CLUSTER SLOTS says; ``asked`` is the host that said it.

    ValueError where not every slot has a node, or where the reply is none.
    """
    ranges: list[tuple[int, int, Address]] = []
    addresses: set[Address] = set()
    try:
        for first, last, *nodes in reply:
            named = [_address(node, asked) for node in nodes]
            ranges.append((int(first), int(last), named[0]))
            addresses.update(named)
    except (TypeError, IndexError, UnicodeDecodeError) as error:
        raise ValueError("The store's node does not say who has which slots.") from error
    ranges.sort()
    following = 0
    for first, last, _ in ranges:
        if first != following or last < first:
            break
        following = last + 1
    if following != SLOTS:
        raise ValueError("The store's cluster has slots without a node.")
    return View(tuple(ranges), frozenset(addresses))


def _address(node: Any, asked: str) -> Address:
    host, port, *_ = node
    return host_or(host, asked), int(port)


def host_or(host: bytes | str | None, asked: str) -> str:
    """Return the host, or the asked one's where the node does not know by what name to call it."""
    name = host.decode() if isinstance(host, bytes) else host
    # CLUSTER SLOTS: NULL or an empty string is the asked node's own, "?" a name it was not told.
    return asked if name in (None, "", "?") else name
