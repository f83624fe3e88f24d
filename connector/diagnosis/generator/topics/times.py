"""When a signature may be used: ``created`` and ``expires``, with 30 seconds for the clocks."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.recipes import (
    GET,
    NOW,
    POST,
    Case,
    Recipe,
    Topic,
    registered,
    rewrite,
)

_EXPIRES: Final = "RFC 9421 section 3.2.1, expires"
_CREATED: Final = "RFC 9421 section 3.2.1, created"
_REQUIRED: Final = "RFC 9421 section 3.2.1, what an application may require"
_KINDS: Final = "RFC 9421 section 2.3, kinds of created and expires"
_EDGES: Final = "RFC 9421 section 3.2.1, created and expires together"
_NONCE: Final = "RFC 9421 section 7.2.2"
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


def _typed(id_: str, description: str, times: str, reason: str = "time_malformed") -> Case:
    recipe = GET.signed(parameters=f'{times};keyid="platform-2026"')
    return Case(f"time-{id_}", description, _KINDS, recipe, "signature_invalid", reason)


_FRESH: Final = registered(freshness={"required": True, "max_age": "5m"})


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
        Case(
            "time-read",
            "A read created now that expires in an hour.",
            _EDGES,
            _at(GET, NOW, NOW + 3600),
        ),
        Case("time-expires-only", "expires alone.", _EDGES, _at(GET, None, NOW + 3600)),
        Case(
            "time-expires-only-past",
            "expires alone, and past.",
            _EDGES,
            _at(GET, None, NOW - _SKEW - 1),
            "signature_invalid",
            "expired",
        ),
        Case(
            "time-one-second",
            "Valid for one second, the next one.",
            _EDGES,
            _at(GET, NOW, NOW + 1),
        ),
        Case(
            "time-expires-before-created",
            "expires is a second before created.",
            _EDGES,
            _at(GET, NOW, NOW - 1),
            "signature_invalid",
            "expires_before_created",
        ),
        Case(
            "time-both-ahead",
            "created and expires both ahead, within what two clocks may differ.",
            _EDGES,
            _at(GET, NOW + _SKEW, NOW + _SKEW + 2),
        ),
        Case(
            "time-both-far-ahead",
            "created and expires both ahead, further than two clocks may differ.",
            _EDGES,
            _at(GET, NOW + _SKEW + 1, NOW + _SKEW + 2),
            "signature_invalid",
            "created_in_future",
        ),
        Case("time-zero", "created in 1970: a read.", _EDGES, _at(GET, 0)),
        Case("time-read-typed", "Both are integers.", _KINDS, _at(GET, NOW, NOW + 60)),
        _typed("boolean", "created without a value: a boolean.", ";created"),
        _typed("token", "created is a token.", ";created=now"),
        _typed("bytes", "created is a byte sequence.", ";created=:AAAA:"),
        _typed(
            "milliseconds", "created in milliseconds.", f";created={NOW}000", "created_in_future"
        ),
        _typed("expires-string", "expires is a string.", f';created={NOW};expires="{NOW + 60}"'),
        _typed("expires-decimal", "expires is a decimal.", f";created={NOW};expires={NOW + 60}.5"),
        _typed("expires-date", "expires is a date.", f";created={NOW};expires=@{NOW + 60}"),
        _typed("expires-negative", "expires is negative.", ";expires=-1", "expired"),
        Case(
            "time-unexpired-stale",
            "A write so old that its Idempotency-Key could be forgotten, and not yet expired.",
            _REPLAY,
            _at(POST, NOW - _HORIZON - _SKEW - 1, NOW + 3600),
            "signature_invalid",
            "stale",
        ),
        Case(
            "time-write-unexpired",
            "A write as old as it may be, and not yet expired.",
            _REPLAY,
            _at(POST, NOW - _HORIZON - _SKEW, NOW + 3600),
        ),
        Case(
            "time-old-search",
            "A POST that only reads may have been signed long ago.",
            _REPLAY,
            _at(POST._replace(target="/catalog/search"), NOW - 10**7),
        ),
        Case(
            "time-expires-is-not-created",
            "The registration asks for created; expires does not stand for it.",
            _REQUIRED,
            _at(POST, None, NOW + 60),
            "signature_invalid",
            "created_missing",
            settings=_FRESH,
        ),
        Case(
            "time-required-both",
            "The registration asks for created, and there is expires, too.",
            _REQUIRED,
            _at(POST, NOW, NOW + 60),
            settings=_FRESH,
        ),
        Case(
            "time-nonce",
            "A nonce that nobody asks for.",
            _NONCE,
            GET.signed(parameters=f';created={NOW};nonce="b3k2pp5k7z-50gnw";keyid="platform-2026"'),
        ),
        Case(
            "time-nonce-altered",
            "The nonce was changed after signing.",
            _NONCE,
            GET.signed(parameters=f';created={NOW};nonce="b3k2pp5k7z-50gnw";keyid="platform-2026"'),
            "signature_invalid",
            "signature_mismatch",
            (rewrite("Signature-Input", "50gnw", "50gnx"),),
        ),
    ),
)
