"""AP2: the business's authorization within a checkout (``ap2.merchant_authorization``).

It is a detached JWS over the RFC 8785 form of the checkout without its member ``ap2``.
"""

from __future__ import annotations

from typing import Final

from canonical.base64 import encode_url
from connector.diagnosis.generator.business import BUSINESS, profile_of, shop
from connector.diagnosis.generator.checkouts import checkout, header, rewritten, without_ap2
from connector.diagnosis.generator.recipes import POST, Case, Edit, Recipe, Sent, Topic, change

_RULE: Final = "ap2-mandates.md#business-authorization"
_VERIFYING: Final = "ap2-mandates.md#step-1-checkout-creation-signing, verification"
_KEYS: Final = "ap2-mandates.md#cryptographic-requirements"
_FORM: Final = "RFC 7515 appendix F, AP2"
_INVALID: Final = "merchant_authorization_invalid"


def _without_extension(sent: Sent) -> Sent:
    return change(body=sent.body[: sent.body.index(b',"ap2"')] + b"}")(sent)


def _with_extension(text: bytes) -> Edit:
    """Put something else in the place of ``ap2``."""
    return lambda sent: change(
        body=sent.body[: sent.body.index(b',"ap2"')] + b',"ap2":' + text + b"}"
    )(sent)


def _attached(sent: Sent) -> Sent:
    """Put the payload between the dots."""
    payload = encode_url(without_ap2(checkout())).encode("ascii")
    return rewritten(b"..", b"." + payload + b".")(sent)


def _good(id_: str, description: str, rule: str, recipe: Recipe, *edits: Edit) -> Case:
    return Case(f"ap2-{id_}", description, rule, recipe, edits=edits, identity=BUSINESS, kind="ap2")


def _bad(
    id_: str,
    description: str,
    rule: str,
    recipe: Recipe,
    reason: str,
    *edits: Edit,
    code: str = _INVALID,
) -> Case:
    return Case(f"ap2-{id_}", description, rule, recipe, code, reason, edits, kind="ap2")


TOPIC: Final = Topic(
    "AP2: the merchant's authorization within a checkout",
    (
        _good("es256", "A checkout with its authorization, signed with ES256.", _RULE, checkout()),
        _good(
            "es384",
            "A P-384 key signs with ES384.",
            _KEYS,
            checkout(header(alg="ES384", kid="business-es384"), key="business-es384"),
        ),
        _good(
            "more-in-header",
            "Further members of the header are covered and not looked at.",
            _RULE,
            checkout(header(typ="JOSE")),
        ),
        _good(
            "more-in-ap2",
            "Whatever else stands in ap2 is not covered.",
            _RULE,
            checkout(),
            rewritten(b'"ap2":{', b'"ap2":{"later":true,'),
        ),
        _bad(
            "missing",
            "The checkout carries no authorization.",
            _RULE,
            checkout(),
            "missing",
            _without_extension,
            code="merchant_authorization_missing",
        ),
        _bad(
            "empty",
            "There is an ap2, and no authorization in it.",
            _RULE,
            checkout(),
            "missing",
            _with_extension(b"{}"),
            code="merchant_authorization_missing",
        ),
        _bad(
            "no-string",
            "The authorization is not a string.",
            _RULE,
            checkout(),
            "malformed",
            _with_extension(b'{"merchant_authorization":{}}'),
        ),
        _bad(
            "altered-total",
            "The total was changed after signing.",
            _VERIFYING,
            checkout(),
            "signature_mismatch",
            rewritten(b"5400", b"5401"),
        ),
        _bad(
            "member-added",
            "A member was put into the checkout after signing.",
            _VERIFYING,
            checkout(),
            "signature_mismatch",
            rewritten(b'"currency"', b'"note":"","currency"'),
        ),
        _bad(
            "member-removed",
            "A member was taken out of the checkout after signing.",
            _VERIFYING,
            checkout(),
            "signature_mismatch",
            rewritten(b'"currency":"EUR",', b""),
        ),
        _bad(
            "stranger",
            "Signed with another key than the one that the kid names.",
            _VERIFYING,
            checkout(key="stranger"),
            "signature_mismatch",
        ),
        _bad(
            "unencoded",
            "The canonical form was signed without base64url (RFC 7797), which AP2 has not.",
            _RULE,
            checkout(header(b64=False, crit=["b64"]), encoded=False),
            "signature_mismatch",
        ),
        _bad(
            "attached",
            "The payload stands between the dots.",
            _FORM,
            checkout(),
            "malformed",
            _attached,
        ),
        _bad(
            "crit-unknown",
            "crit demands an extension that is not known.",
            "RFC 7515 section 4.1.11, AP2",
            checkout(header(crit=["exp"], exp=1767229200)),
            "malformed",
        ),
        _bad(
            "kid-absent",
            "The authorization names no kid.",
            _RULE,
            checkout(header(kid=None)),
            "keyid_missing",
        ),
        _bad(
            "kid-unknown",
            "No key of the business has this kid.",
            _KEYS,
            checkout(header(kid="business-2031")),
            "key_not_found",
        ),
        _bad(
            "eddsa",
            "An authorization is made with an elliptic key.",
            _KEYS,
            checkout(header(alg="EdDSA", kid="business-ed25519"), key="business-ed25519"),
            "signature_mismatch",
        ),
        _bad(
            "alg-other",
            "alg says ES384 for a key on P-256.",
            "RFC 7515 section 4.1.1, AP2",
            checkout(header(alg="ES384")),
            "signature_mismatch",
        )._replace(differs_from="ap2-es256"),
        _bad(
            "alg-none",
            "alg says that nothing was signed.",
            "RFC 7515 section 4.1.1, AP2",
            checkout(header(alg="none")),
            "signature_mismatch",
        ),
        _bad(
            "der",
            "An ECDSA signature in DER instead of r||s.",
            "RFC 7518 section 3.4, AP2",
            checkout(encoding="der"),
            "signature_mismatch",
        ),
        _bad(
            "profile-keyless",
            "The business publishes no key.",
            _KEYS,
            checkout()._replace(answers=POST.replaced("Host", shop("keyless"))),
            "key_not_found",
        )._replace(document=profile_of(shop("keyless")), differs_from="ap2-es256"),
    ),
)
