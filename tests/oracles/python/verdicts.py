"""What an oracle answers about one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class RefusedError(Exception):
    """The signature does not verify, or is none."""


class InexpressibleError(Exception):
    """The library has no way to be asked this."""


def first_good(
    keys: list[Mapping[str, Any]], check: Callable[[Mapping[str, Any]], None]
) -> dict[str, str]:
    """Return the verdict over several keys: one that verifies is enough."""
    verdict = {"verdict": "refused", "reason": "no key"}
    for jwk in keys:
        try:
            check(jwk)
        except RefusedError as error:
            verdict = {"verdict": "refused", "reason": str(error)}
        except InexpressibleError as error:
            return {"verdict": "cannot", "reason": str(error)}
        else:
            return {"verdict": "verified", "reason": ""}
    return verdict
