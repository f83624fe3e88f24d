"""Webhooks of the January versions: a detached JWS over the body."""

from __future__ import annotations

import json
from typing import Any, Final

from canonical.base64 import encode_url
from connector.diagnosis.generator.business import BUSINESS, WEBHOOK, profile_of, shop
from connector.diagnosis.generator.recipes import (
    NOW,
    Case,
    Detached,
    Edit,
    Recipe,
    Sent,
    Topic,
    append,
    change,
    put,
)

_JWS: Final = "order.md#webhook-signature-verification, detached JWS"
_JOSE: Final = "RFC 7515 appendix F, webhooks"
_NAME: Final = "Request-Signature"
_ALTERED: Final = b'{"id":"order_999","checkout_id":"chk_123","currency":"EUR"}'


def _named(profile: str, recipe: Recipe) -> Recipe:
    return recipe.replaced("UCP-Agent", f'profile="{profile}"')


def _header(**changed: Any) -> str:
    members = {"alg": "ES256", "b64": False, "crit": ["b64"], "kid": "business-2026", **changed}
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"))


def _january(header: str = "", *, key: str = "business-2026", **how: Any) -> Recipe:
    """Return the webhook of the January versions, which has neither digest nor webhook headers."""
    bare = WEBHOOK.replaced("Content-Digest").replaced("Webhook-Id").replaced("Webhook-Timestamp")
    recipe = bare._replace(signatures=(), detached=Detached(header or _header(), key, **how))
    return _named(profile_of(shop("january")), recipe)


_BOTH_KEYS: Final = _named(BUSINESS, _january())


def _attached(sent: Sent) -> Sent:
    """Put the payload between the dots."""
    (value,) = (value for name, value in sent.headers if name == _NAME)
    return put(_NAME, value.replace("..", f".{encode_url(sent.body)}."))(sent)


def _padded(sent: Sent) -> Sent:
    """End the JWS with base64's padding, which base64url has not."""
    (value,) = (value for name, value in sent.headers if name == _NAME)
    return put(_NAME, f"{value}==")(sent)


def _good(id_: str, description: str, rule: str, recipe: Recipe, identity: str = BUSINESS) -> Case:
    return Case(f"webhook-{id_}", description, rule, recipe, identity=identity, kind="webhook")


def _bad(
    id_: str,
    description: str,
    rule: str,
    recipe: Recipe,
    reason: str,
    *edits: Edit,
    code: str = "signature_invalid",
) -> Case:
    return Case(f"webhook-{id_}", description, rule, recipe, code, reason, edits, kind="webhook")


def _jws(id_: str, description: str, rule: str, recipe: Recipe) -> Case:
    return _good(f"jws-{id_}", description, rule, recipe, profile_of(shop("january")))


TOPIC: Final = Topic(
    "Webhooks of the January versions: a detached JWS over the body",
    (
        _jws("unencoded", "The octets of the body are signed (b64 is false).", _JWS, _january()),
        _jws(
            "encoded",
            "The body's base64url text is signed, as RFC 7515 has it.",
            _JWS,
            _january(_header(b64=None, crit=None), encoded=True),
        ),
        _good(
            "jws-es384",
            "ES384: 96 octets.",
            _JWS,
            _named(
                BUSINESS,
                _january(_header(alg="ES384", kid="business-es384"), key="business-es384"),
            ),
        ),
        _good(
            "jws-newer-profile",
            "The headers choose the scheme, not the version of the profile.",
            _JWS,
            _BOTH_KEYS,
        ),
        _good(
            "beside-jws",
            "With both kinds of signature RFC 9421 alone decides: the JWS is not looked at.",
            "ucp-rules.md#2-which-scheme-which-version, webhooks",
            WEBHOOK.replaced(_NAME, "not..a-jws"),
        ),
        _bad(
            "beside-jws-altered",
            "The RFC 9421 signature fails, and nothing falls back to the JWS beside it.",
            "ucp-rules.md#2-which-scheme-which-version, webhooks",
            WEBHOOK.replaced(_NAME, "not..a-jws"),
            "signature_mismatch",
            put("Webhook-Id", "evt_0002"),
        ),
        _bad(
            "jws-altered-body",
            "The body was changed after signing.",
            _JWS,
            _january(),
            "signature_mismatch",
            change(body=_ALTERED),
        ),
        _bad(
            "jws-reserialised",
            "A space was put into the body on the way: its octets are signed, not its value.",
            _JWS,
            _january(),
            "signature_mismatch",
            change(body=WEBHOOK.body.replace(b",", b", ", 1)),
        ),
        _bad(
            "jws-stranger",
            "Signed with another key than the one that the kid names.",
            _JWS,
            _january(key="stranger"),
            "signature_mismatch",
        ),
        _bad(
            "jws-kid-absent",
            "The JWS names no kid.",
            _JWS,
            _january(_header(kid=None)),
            "keyid_missing",
        ),
        _bad(
            "jws-kid-unknown",
            "No key of the business has this kid.",
            _JWS,
            _january(_header(kid="business-2031")),
            "key_not_found",
            code="key_not_found",
        ),
        _bad(
            "jws-alg-other",
            "alg says ES384 for a key on P-256.",
            "RFC 7515 section 4.1.1, webhooks",
            _january(_header(alg="ES384")),
            "signature_mismatch",
        )._replace(differs_from="webhook-jws-unencoded"),
        _bad(
            "jws-alg-none",
            "alg says that nothing was signed.",
            "RFC 7515 section 4.1.1, webhooks",
            _january(_header(alg="none")),
            "signature_mismatch",
        )._replace(differs_from="webhook-jws-unencoded"),
        _bad(
            "jws-eddsa",
            "EdDSA came with RFC 9421 only.",
            "ucp-rules.md#2-which-scheme-which-version, webhooks",
            _named(
                BUSINESS,
                _january(_header(alg="EdDSA", kid="business-ed25519"), key="business-ed25519"),
            ),
            "algorithm_unsupported",
            code="algorithm_unsupported",
        ),
        _bad(
            "jws-crit-unknown",
            "crit demands an extension that is not known.",
            "RFC 7515 section 4.1.11, webhooks",
            _january(_header(crit=["b64", "exp"], exp=NOW + 60)),
            "malformed",
        ),
        _bad(
            "jws-b64-uncritical",
            "b64 is false and not in crit: who doesn't know it would read otherwise.",
            "RFC 7797 section 6, webhooks",
            _january(_header(crit=None)),
            "malformed",
        ),
        _bad(
            "jws-attached",
            "The payload stands between the dots.",
            _JOSE,
            _january(),
            "malformed",
            _attached,
        ),
        _bad(
            "jws-padded",
            "The signature ends with padding.",
            _JOSE,
            _january(),
            "malformed",
            _padded,
        ),
        _bad(
            "jws-der",
            "An ECDSA signature in DER instead of r||s.",
            "RFC 7518 section 3.4, webhooks",
            _january(encoding="der"),
            "signature_mismatch",
        ),
        _bad(
            "jws-twice",
            "Two lines of Request-Signature: two readers would choose differently.",
            _JOSE,
            _january(),
            "malformed",
            append(_NAME, "a..b"),
        ),
    ),
)
