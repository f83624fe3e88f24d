"""What the store's error replies mean: pure. Texts hold no key, value or password."""

from __future__ import annotations

from typing import Final

_MEANINGS: Final = {
    "LOADING": "The store is loading its data.",
    "READONLY": "The store's node is a replica.",
    "MASTERDOWN": "The store's node is a replica without its master.",
    "MOVED": "The store is a cluster: name it as redis+cluster://.",
    "ASK": "The store is a cluster: name it as redis+cluster://.",
    "CLUSTERDOWN": "The store's cluster is down.",
    "TRYAGAIN": "The store's cluster is moving these keys.",
    "OOM": "The store's memory is full.",
    "MISCONF": "The store cannot write to its disk.",
    "BUSY": "The store is busy with another script.",
    "NOPERM": "The store's user may not do this; docs/reliability.md lists what it needs.",
    "NOAUTH": "The store asks for a password.",
    "WRONGPASS": "The store refuses this user and password.",
    "NOREPLICAS": "The store has too few replicas.",
}
_MOVING: Final = frozenset({"READONLY", "MASTERDOWN", "MOVED", "ASK"})
_WITHIN: Final = frozenset({"ERR", "NOPERM"})
"""Error replies to a call, or to what a script asks for in its midst: those name the script."""


def kind_of(error: Exception) -> str:
    """Return the first word of an error reply: what kind of error it is."""
    return str(error).partition(" ")[0]


def explain(error: Exception) -> str:
    """Return one sentence for the operator."""
    kind = kind_of(error)
    if kind == "ERR" and "ACL failure" in str(error):
        # So a server says it of a command in the midst of a script.
        kind = "NOPERM"
    # Of other errors the first word alone is known to hold nothing of ours.
    known = _MEANINGS.get(kind)
    word = kind if kind.isascii() and kind.isalnum() and len(kind) <= 24 else "an error"
    return known or f"The store refused with {word}."


def is_moving(error: Exception) -> bool:
    """Tell whether the writes have to go elsewhere."""
    return kind_of(error) in _MOVING


def may_have_written(error: Exception) -> bool:
    """Tell whether a script may have written something before it ended in this error."""
    kind = kind_of(error)
    if kind in _WITHIN:
        return "script" in str(error)
    return kind not in _MEANINGS


def policy_in(info: bytes) -> str:
    """Return ``maxmemory-policy`` from the memory section of INFO; empty where it is missing."""
    for line in info.splitlines():
        name, _, value = line.partition(b":")
        if name == b"maxmemory_policy":
            return value.strip().decode("ascii", "replace")
    return ""
