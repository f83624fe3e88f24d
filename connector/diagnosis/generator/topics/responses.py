"""What a business answers, and how it signs that.

The keys are those of the profile at the authority that was asked.
"""

from __future__ import annotations

from typing import Final

from canonical import content_digest
from connector.diagnosis.generator.business import (
    BUSINESS,
    RESPONSE,
    RESPONSE_COVERS,
    profile_of,
    shop,
    signed_with,
)
from connector.diagnosis.generator.recipes import (
    GET,
    NOW,
    POST,
    Case,
    Edit,
    Recipe,
    Topic,
    change,
    put,
    rewrite,
)

_SIGNING: Final = "signatures.md#rest-response-signing"
_VERIFYING: Final = "signatures.md#rest-response-verification"
_COVERING: Final = "signatures.md#rest-response-verification, covered components"
_KEYS: Final = "signatures.md#rest-response-verification, keys"
_ALTERED: Final = b'{"id":"chk_123","status":"completed","currency":"EUR"}'

_EMPTY: Final = RESPONSE._replace(headers=(), body=b"", status=204).covering("@status")


def _good(id_: str, description: str, rule: str, recipe: Recipe) -> Case:
    return Case(f"response-{id_}", description, rule, recipe, identity=BUSINESS, kind="response")


def _bad(
    id_: str,
    description: str,
    rule: str,
    recipe: Recipe,
    reason: str,
    *edits: Edit,
    code: str = "signature_invalid",
) -> Case:
    return Case(f"response-{id_}", description, rule, recipe, code, reason, edits, kind="response")


def _asked(host: str) -> Recipe:
    return RESPONSE._replace(answers=POST.replaced("Host", host))


TOPIC: Final = Topic(
    "Responses: what a business signs of its answers",
    (
        _good(
            "created", "A checkout was created: status, digest and media type.", _SIGNING, RESPONSE
        ),
        _good(
            "read",
            "The answer to a read.",
            _SIGNING,
            RESPONSE._replace(status=200, answers=GET),
        ),
        _good("empty", "Without a body the status alone is covered.", _SIGNING, _EMPTY),
        _good(
            "error",
            "An error may be signed like any answer.",
            _SIGNING,
            RESPONSE._replace(status=409),
        ),
        _good("es384", "ES384: 96 octets.", _SIGNING, signed_with(RESPONSE, "business-es384")),
        _good(
            "ed25519", "Ed25519: 64 octets.", _SIGNING, signed_with(RESPONSE, "business-ed25519")
        ),
        _good(
            "more-covered",
            "A signature may cover more than it must.",
            _SIGNING,
            RESPONSE.covering(*RESPONSE_COVERS, "cache-control"),
        ),
        _good(
            "without-created",
            "created is not required.",
            _SIGNING,
            RESPONSE.signed(parameters=';keyid="business-2026"'),
        ),
        _good(
            "beside-bad",
            "One signature that verifies is enough.",
            "RFC 9421 section 4.3",
            RESPONSE._replace(
                signatures=(
                    RESPONSE.signatures[0]._replace(key="stranger", label="other"),
                    RESPONSE.signatures[0],
                )
            ),
        )._replace(accepted=1),
        _good(
            "older-profile",
            "The business publishes its keys as signing_keys only.",
            _KEYS,
            _asked(shop("april")),
        )._replace(identity=profile_of(shop("april"))),
        _bad(
            "unsigned",
            "Neither Signature-Input nor Signature.",
            _VERIFYING,
            RESPONSE._replace(signatures=()),
            "signature_missing",
            code="signature_missing",
        )._replace(differs_from="response-created"),
        _bad(
            "input-alone",
            "Signature was removed.",
            _VERIFYING,
            RESPONSE,
            "one_header",
            put("Signature"),
        ),
        _bad(
            "altered-status",
            "The status was changed after signing.",
            _VERIFYING,
            RESPONSE,
            "signature_mismatch",
            change(status=200),
        ),
        _bad(
            "altered-type",
            "The media type was changed after signing.",
            _VERIFYING,
            RESPONSE,
            "signature_mismatch",
            put("Content-Type", "application/problem+json"),
        ),
        _bad(
            "altered-body-and-digest",
            "Body and Content-Digest were both changed after signing.",
            _VERIFYING,
            RESPONSE,
            "signature_mismatch",
            change(body=_ALTERED),
            put("Content-Digest", content_digest(_ALTERED)),
        ),
        _bad(
            "altered-body",
            "The body was changed after signing; its digest was not.",
            _VERIFYING,
            RESPONSE,
            "digest_mismatch",
            change(body=_ALTERED),
            code="digest_mismatch",
        ),
        _bad(
            "reserialised",
            "A space was put into the body on the way: the digest is over octets.",
            _VERIFYING,
            RESPONSE,
            "digest_mismatch",
            change(body=RESPONSE.body.replace(b",", b", ", 1)),
            code="digest_mismatch",
        ),
        _bad(
            "digest-removed",
            "Content-Digest was removed after signing.",
            _VERIFYING,
            RESPONSE,
            "digest_missing",
            put("Content-Digest"),
            code="digest_mismatch",
        ),
        _bad(
            "status-uncovered",
            "The status is not covered.",
            _COVERING,
            RESPONSE.covering("content-digest", "content-type"),
            "coverage_insufficient",
        ),
        _bad(
            "empty-status-uncovered",
            "Without a body the status must be covered all the same.",
            _COVERING,
            _EMPTY.covering(),
            "coverage_insufficient",
        ),
        _bad(
            "digest-uncovered",
            "The digest is not covered.",
            _COVERING,
            RESPONSE.without("content-digest"),
            "coverage_insufficient",
        ),
        _bad(
            "type-uncovered",
            "The media type is not covered.",
            _COVERING,
            RESPONSE.without("content-type"),
            "coverage_insufficient",
        ),
        _bad(
            "tagged",
            "Web Bot Auth is for requests.",
            "signatures.md#wba-interop",
            signed_with(RESPONSE, "business-2026", ';tag="web-bot-auth"'),
            "other_tag",
        ),
        _bad(
            "keyid-absent",
            "There is no keyid.",
            _KEYS,
            RESPONSE.signed(parameters=f";created={NOW}"),
            "keyid_missing",
        ),
        _bad(
            "keyid-unknown",
            "No key of the business has this kid.",
            _KEYS,
            RESPONSE.signed(parameters=f';created={NOW};keyid="business-2031"'),
            "key_not_found",
            code="key_not_found",
        ),
        _bad(
            "key-of-platform",
            "Signed with the platform's own key, which vouches for no answer.",
            _KEYS,
            signed_with(RESPONSE, "platform-2026"),
            "key_not_found",
            code="key_not_found",
        ),
        _bad(
            "stranger",
            "Signed with another key than the one that the keyid names.",
            _KEYS,
            RESPONSE.signed(key="stranger"),
            "signature_mismatch",
        ),
        _bad(
            "der",
            "An ECDSA signature in DER instead of r||s.",
            "signatures.md#rest-response-signing, encoding",
            RESPONSE.signed(encoding="der"),
            "signature_encoding",
        ),
        _bad(
            "alg-other",
            "An alg parameter that does not fit the key.",
            "RFC 9421 section 3.2",
            signed_with(RESPONSE, "business-2026", ';alg="ed25519"'),
            "alg_parameter",
        )._replace(differs_from="response-created"),
        _bad(
            "future",
            "Created further ahead than two clocks may differ.",
            "RFC 9421 section 3.2.1, responses",
            RESPONSE.signed(parameters=f';created={NOW + 31};keyid="business-2026"'),
            "created_in_future",
        ),
        _bad(
            "expired",
            "Expired longer ago than two clocks may differ.",
            "RFC 9421 section 3.2.1, responses",
            RESPONSE.signed(
                parameters=f';created={NOW - 90};expires={NOW - 31};keyid="business-2026"'
            ),
            "expired",
        ),
        _good(
            "not-expired",
            "Expired as long ago as two clocks may differ.",
            "RFC 9421 section 3.2.1, responses",
            RESPONSE.signed(
                parameters=f';created={NOW - 90};expires={NOW - 30};keyid="business-2026"'
            ),
        ),
        _bad(
            "method",
            "A response has a method only of its request, with ;req.",
            "RFC 9421 section 2.2.1",
            RESPONSE,
            "base_unbuildable",
            rewrite("Signature-Input", '"@status"', '"@status" "@method"'),
        ),
        _bad(
            "status-of-request",
            "A request has no status.",
            "RFC 9421 section 2.2.9",
            RESPONSE,
            "base_unbuildable",
            rewrite("Signature-Input", '"@status"', '"@status" "@status";req'),
        ),
        _bad(
            "profile-down",
            "The business's profile cannot be fetched.",
            _KEYS,
            _asked(shop("down")),
            "status",
            code="profile_unreachable",
        )._replace(document=profile_of(shop("down")), differs_from="response-created"),
        _bad(
            "profile-keyless",
            "The business publishes no key.",
            _KEYS,
            _asked(shop("keyless")),
            "key_not_found",
            code="key_not_found",
        )._replace(document=profile_of(shop("keyless")), differs_from="response-created"),
        _bad(
            "profile-malformed",
            "The business's profile has no version.",
            _KEYS,
            _asked(shop("malformed")),
            "version_missing",
            code="profile_malformed",
        )._replace(document=profile_of(shop("malformed")), differs_from="response-created"),
    ),
)
