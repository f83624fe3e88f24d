"""From settings to validation: what judges a merchant's request bodies, and what it must know."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from connector.settings.checks import unmodelled
from connector.validation.release import require_release
from connector.validation.requests import RequestValidation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.settings.merchants import Merchant
    from connector.settings.schema import Settings
    from connector.telemetry.metrics import Metrics


def build_validation(merchant: Merchant, metrics: Metrics) -> RequestValidation | None:
    """Make what judges a merchant's request bodies; None where nothing does.

    Raises ValueError where the models that it needs are not installed.
    """
    validation = merchant.validation
    if validation.requests == "off":
        return None
    return RequestValidation(
        enforce=validation.requests == "enforce",
        refuse_unknown=validation.unknown_fields == "refuse",
        known=validation.known_fields,
        count=partial(metrics.count_invalid, merchant.id),
    )


def check_models(settings: Settings) -> None:
    """Raise ValueError where a setting needs models that are not installed."""
    if any(merchant.validation.requests != "off" for merchant in settings.merchants):
        require_release()


def unjudged(settings: Settings) -> Iterator[str]:
    """Say which requests are held against no schema although validation is on."""
    for merchant in settings.merchants:
        lacking = unmodelled(merchant)
        if merchant.validation.requests != "off" and lacking:
            yield (
                f"merchant {merchant.id}: requests of version {', '.join(lacking)} are held against"
                " no schema, only checked to be strict JSON"
            )
