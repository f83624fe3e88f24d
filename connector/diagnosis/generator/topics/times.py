"""When a signature may be used: ``created`` and ``expires``, with 30 seconds for the clocks."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.recipes import GET, NOW, POST, Case, Recipe, Topic, registered

_EXPIRES: Final = "RFC 9421 section 3.2.1, expires"
_CREATED: Final = "RFC 9421 section 3.2.1, created"
_REQUIRED: Final = "RFC 9421 section 3.2.1, what an application may require"
_REPLAY: Final = "signatures.md#replay-protection"
_SKEW: Final = 30
_HORIZON: Final = 47 * 3600
"""A keyed write may be this old: an hour less than its Idempotency-Key is remembered."""


def _at(recipe: Recipe, created: int | str | None, expires: int | None = None) -> Recipe:
    times = "" if created is None else f";created={created}"
    times += "" if expires is None else f";expires={expires}"
    return recipe.signed(parameters=f'{times};keyid="platform-2026"')


def _refused(id_: str, description: str, recipe: Recipe, reason: str) -> Case:
    rule = _EXPIRES if reason.startswith("expire") else _CREATED
    return Case(id_, description, rule, recipe, "signature_invalid", reason)


TOPIC: Final = Topic(
    "Times: created and expires",
    (
        Case("time-none", "Neither created nor expires is required.", _CREATED, _at(POST, None)),
        Case("time-created", "created now, without expires.", _CREATED, _at(POST, NOW)),
        Case("time-both", "created now, expires in an hour.", _EXPIRES, _at(POST, NOW, NOW + 3600)),
        Case(
            "time-expired-within-skew",
            "Expired as long ago as two clocks may differ.",
            _EXPIRES,
            _at(GET, NOW - 60, NOW - _SKEW),
        ),
        _refused(
            "time-expired",
            "Expired a second longer ago than two clocks may differ.",
            _at(GET, NOW - 60, NOW - _SKEW - 1),
            "expired",
        ),
        Case(
            "time-future-within-skew",
            "Created as far ahead as two clocks may differ.",
            _CREATED,
            _at(POST, NOW + _SKEW),
        ),
        _refused(
            "time-future",
            "Created a second further ahead than two clocks may differ.",
            _at(POST, NOW + _SKEW + 1),
            "created_in_future",
        ),
        _refused(
            "time-expires-at-created",
            "expires must be later than created.",
            _at(POST, NOW, NOW),
            "expires_before_created",
        ),
        _refused("time-decimal", "created is a decimal.", _at(POST, f"{NOW}.0"), "time_malformed"),
        _refused("time-string", "created is a string.", _at(POST, f'"{NOW}"'), "time_malformed"),
        _refused(
            "time-date", "created is an RFC 9651 date.", _at(POST, f"@{NOW}"), "time_malformed"
        ),
        Case(
            "time-old-read",
            "A read may have been signed long ago.",
            _CREATED,
            _at(GET, NOW - 10**7),
        ),
        Case(
            "time-write-at-horizon",
            "A keyed write as old as it may be, the clocks' difference included.",
            _REPLAY,
            _at(POST, NOW - _HORIZON - _SKEW),
        ),
        Case(
            "time-write-stale",
            "A keyed write so old that its Idempotency-Key could be forgotten.",
            _REPLAY,
            _at(POST, NOW - _HORIZON - _SKEW - 1),
            "signature_invalid",
            "stale",
        ),
        Case(
            "time-created-required",
            "The registration asks for created.",
            _REQUIRED,
            _at(POST, None),
            "signature_invalid",
            "created_missing",
            differs_from="time-max-age",
            settings=registered(freshness={"required": True, "max_age": "5m"}),
        ),
        Case(
            "time-max-age",
            "The registration's greatest age, the clocks' difference included.",
            _REQUIRED,
            _at(POST, NOW - 300 - _SKEW),
            settings=registered(freshness={"required": True, "max_age": "5m"}),
        ),
        Case(
            "time-over-max-age",
            "A second older than the registration's greatest age.",
            _REQUIRED,
            _at(POST, NOW - 300 - _SKEW - 1),
            "signature_invalid",
            "too_old",
            settings=registered(freshness={"required": True, "max_age": "5m"}),
        ),
    ),
)
