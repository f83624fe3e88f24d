"""What a business sends of its own accord: webhooks, signed by RFC 9421."""

from __future__ import annotations

from typing import Final

from canonical import content_digest
from connector.diagnosis.generator.business import (
    BUSINESS,
    WEBHOOK,
    WEBHOOK_COVERS,
    profile_of,
    shop,
    signed_with,
)
from connector.diagnosis.generator.recipes import (
    NOW,
    Case,
    Edit,
    Recipe,
    Topic,
    change,
    put,
)

_SIGNING: Final = "order.md#webhook-signature-verification, signing"
_VERIFYING: Final = "order.md#webhook-signature-verification, verification"
_COVERING: Final = "order.md#webhook-signature-verification, covered components"
_WEBHOOK: Final = "order.md#webhook-signature-verification, webhook headers"
_AGENT: Final = "signatures.md#rest-request-verification, UCP-Agent of a business"
_KEYS: Final = "signatures.md#key-discovery, of a business"
_ALTERED: Final = b'{"id":"order_999","checkout_id":"chk_123","currency":"EUR"}'

_QUERY: Final = WEBHOOK._replace(target="/webhooks/ucp/orders?tenant=7").covering(
    *WEBHOOK_COVERS, "@query"
)


def _named(profile: str) -> Recipe:
    return WEBHOOK.replaced("UCP-Agent", f'profile="{profile}"')


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


def _altered(name: str, value: str) -> Case:
    return _bad(
        f"altered-{name.lower()}",
        f"{name} was changed after signing.",
        _WEBHOOK,
        WEBHOOK,
        "signature_mismatch",
        put(name, value),
    )


TOPIC: Final = Topic(
    "Webhooks: what a business sends to a platform, signed by RFC 9421",
    (
        _good("es256", "An order event, signed with ES256.", _SIGNING, WEBHOOK),
        _good("query", "The platform's URL has a query, which is covered.", _SIGNING, _QUERY),
        _good("es384", "ES384: 96 octets.", _SIGNING, signed_with(WEBHOOK, "business-es384")),
        _good("ed25519", "Ed25519: 64 octets.", _SIGNING, signed_with(WEBHOOK, "business-ed25519")),
        _good(
            "retry",
            "Sent again an hour later: the same Webhook-Id, signed anew.",
            _WEBHOOK,
            WEBHOOK.signed(parameters=f';created={NOW - 3600};keyid="business-2026"'),
        ),
        _good(
            "without-created",
            "created is not required.",
            _SIGNING,
            WEBHOOK.signed(parameters=';keyid="business-2026"'),
        ),
        _good(
            "version-2026-04-08",
            "A business of the older version publishes its keys as signing_keys.",
            _KEYS,
            _named(profile_of(shop("april"))),
            profile_of(shop("april")),
        ),
        *(
            _bad(
                f"uncovered-{component.removeprefix('@')}",
                f"{component} is not covered.",
                _COVERING,
                WEBHOOK.without(component),
                "coverage_insufficient",
            )
            for component in WEBHOOK_COVERS
        ),
        _bad(
            "uncovered-query",
            "The platform's URL has a query that is not covered.",
            _COVERING,
            _QUERY.without("@query"),
            "coverage_insufficient",
        ),
        _bad(
            "unsigned",
            "A webhook must be signed.",
            _VERIFYING,
            WEBHOOK._replace(signatures=()),
            "signature_missing",
            code="signature_missing",
        )._replace(differs_from="webhook-es256"),
        _altered("Webhook-Id", "evt_0002"),
        _altered("Webhook-Timestamp", str(NOW + 1)),
        _bad(
            "without-id",
            "There is no Webhook-Id to cover, and no other way to tell a repetition.",
            _WEBHOOK,
            WEBHOOK.replaced("Webhook-Id").without("webhook-id"),
            "coverage_insufficient",
        ),
        _bad(
            "relayed",
            "A webhook for another of the platform's addresses.",
            _VERIFYING,
            WEBHOOK,
            "signature_mismatch",
            change(target="/webhooks/ucp/refunds"),
        ),
        _bad(
            "other-platform",
            "A webhook for another platform.",
            _VERIFYING,
            WEBHOOK,
            "signature_mismatch",
            put("Host", "other.example"),
        ),
        _bad(
            "altered-body",
            "The body was changed after signing; its digest was not.",
            _VERIFYING,
            WEBHOOK,
            "digest_mismatch",
            change(body=_ALTERED),
            code="digest_mismatch",
        ),
        _bad(
            "altered-body-and-digest",
            "Body and Content-Digest were both changed after signing.",
            _VERIFYING,
            WEBHOOK,
            "signature_mismatch",
            change(body=_ALTERED),
            put("Content-Digest", content_digest(_ALTERED)),
        ),
        _bad(
            "der",
            "An ECDSA signature in DER instead of r||s.",
            _VERIFYING,
            WEBHOOK.signed(encoding="der"),
            "signature_encoding",
        ),
        _bad(
            "expired",
            "Expired longer ago than two clocks may differ.",
            _VERIFYING,
            WEBHOOK.signed(
                parameters=f';created={NOW - 90};expires={NOW - 31};keyid="business-2026"'
            ),
            "expired",
        )._replace(differs_from="webhook-not-expired"),
        _good(
            "not-expired",
            "Expired as long ago as two clocks may differ.",
            _VERIFYING,
            WEBHOOK.signed(
                parameters=f';created={NOW - 90};expires={NOW - 30};keyid="business-2026"'
            ),
        ),
        _bad(
            "keyid-unknown",
            "No key of the business has this kid.",
            _KEYS,
            WEBHOOK.signed(parameters=f';created={NOW};keyid="business-2031"'),
            "key_not_found",
            code="key_not_found",
        ),
        _bad(
            "stranger",
            "Signed with another key than the one that the keyid names.",
            _KEYS,
            WEBHOOK.signed(key="stranger"),
            "signature_mismatch",
        ),
        _bad(
            "profile-keyless",
            "The business publishes no key.",
            _KEYS,
            _named(profile_of(shop("keyless"))),
            "key_not_found",
            code="key_not_found",
        ),
        _bad(
            "profile-down",
            "The business's profile cannot be fetched.",
            _KEYS,
            _named(profile_of(shop("down"))),
            "status",
            code="profile_unreachable",
        ),
        _bad(
            "agent-absent",
            "Without UCP-Agent nobody knows whose key to look for.",
            _AGENT,
            WEBHOOK.replaced("UCP-Agent").without("ucp-agent"),
            "agent_missing",
            code="invalid_profile_url",
        ),
        _bad(
            "agent-path",
            "A business's profile is at /.well-known/ucp.",
            _AGENT,
            _named("https://shop.example.com/ucp.json"),
            "not_well_known",
            code="invalid_profile_url",
        ),
        _bad(
            "agent-http",
            "Plain HTTP.",
            _AGENT,
            _named("http://shop.example.com/.well-known/ucp"),
            "scheme",
            code="invalid_profile_url",
        ),
    ),
)
