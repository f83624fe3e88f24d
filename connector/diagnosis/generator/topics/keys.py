"""Keys: how one is found, which ones are usable, and how signatures are encoded."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.documents import PLATFORM, url
from connector.diagnosis.generator.recipes import AGENT, NOW, POST, Case, Recipe, Topic, rewrite

_FORMAT: Final = "signatures.md#key-format-jwk"
_ALGORITHMS: Final = "signatures.md#signature-algorithms"
_UNUSABLE: Final = "signatures.md#signature-algorithms, unusable keys"
_COORDINATES: Final = "RFC 7518 section 6.2.1"
_MEMBERS: Final = "RFC 7517 section 4, members of a key"
_KEYID: Final = "RFC 9421 section 2.3, keyid"
_SET: Final = "RFC 7517 section 5"
_DISCOVERY: Final = "overview/index.md#key-discovery"
_VERIFYING: Final = "signatures.md#rest-request-verification, key"
_ENCODING: Final = "signatures.md#rest-request-signing, encoding"


def _from(host: str) -> Recipe:
    return POST.replaced(AGENT[0], f'profile="{url(host)}"')


def _with(name: str, *, extra: str = "", recipe: Recipe = POST) -> Recipe:
    return recipe.signed(key=name, parameters=f';created={NOW};keyid="{name}"{extra}')


def _good(host: str, description: str, rule: str) -> Case:
    return Case(f"key-{host}", description, rule, _from(host), identity=url(host))


def _unusable(host: str, description: str) -> Case:
    return Case(
        f"key-{host}",
        description,
        _UNUSABLE,
        _from(host),
        "algorithm_unsupported",
        "algorithm_unsupported",
    )


def _not_found(host: str, description: str, rule: str) -> Case:
    return Case(f"key-{host}", description, rule, _from(host), "key_not_found", "key_not_found")


def _named(id_: str, description: str, value: str) -> Case:
    recipe = POST.signed(parameters=f";created={NOW};keyid={value}")
    return Case(f"keyid-{id_}", description, _KEYID, recipe, "key_not_found", "key_not_found")


def _nameless(id_: str, description: str, value: str) -> Case:
    case = _named(id_, description, value)
    return case._replace(code="signature_invalid", reason="keyid_missing")


TOPIC: Final = Topic(
    "Keys: lookup, kinds, algorithms and the encoding of signatures",
    (
        Case("key-es256", "ES256: 64 octets.", _ALGORITHMS, POST),
        Case("key-es384", "ES384: 96 octets.", _ALGORITHMS, _with("platform-es384")),
        Case("key-ed25519", "Ed25519: 64 octets.", _ALGORITHMS, _with("platform-ed25519")),
        Case(
            "key-alg-fits",
            "An alg parameter that fits the key is superfluous and harmless.",
            _ALGORITHMS,
            _with("platform-2026", extra=';alg="ecdsa-p256-sha256"'),
        ),
        Case(
            "key-alg-other",
            "An alg parameter that does not fit the key.",
            "RFC 9421 section 3.2",
            _with("platform-2026", extra=';alg="ed25519"'),
            "signature_invalid",
            "alg_parameter",
            differs_from="key-es256",
        ),
        Case(
            "key-alg-jose-name",
            "The alg parameter has a JOSE name, which is none of RFC 9421.",
            "RFC 9421 section 6.2",
            _with("platform-2026", extra=';alg="ES256"'),
            "signature_invalid",
            "alg_parameter",
        ),
        Case(
            "key-stranger",
            "Signed with another key than the one that the keyid names.",
            _VERIFYING,
            POST.signed(key="stranger"),
            "signature_invalid",
            "signature_mismatch",
        ),
        Case(
            "key-keyid-swapped",
            "The keyid names another key of the same profile.",
            _VERIFYING,
            POST.signed(parameters=f';created={NOW};keyid="platform-ed25519"'),
            "signature_invalid",
            "signature_mismatch",
        ),
        Case(
            "key-keyid-unknown",
            "No key of the profile has this kid.",
            _DISCOVERY,
            POST.signed(parameters=f';created={NOW};keyid="platform-2031"'),
            "key_not_found",
            "key_not_found",
        ),
        Case(
            "key-keyid-absent",
            "There is no keyid.",
            "RFC 9421 section 3.2",
            POST.signed(parameters=f";created={NOW}"),
            "signature_invalid",
            "keyid_missing",
        ),
        Case(
            "key-keyid-token",
            "The keyid is a token, and must be a string.",
            "RFC 9421 section 2.3",
            POST.signed(parameters=f";created={NOW};keyid=platform-2026"),
            "signature_invalid",
            "keyid_missing",
        ),
        _good("both-lists", "Where keys is present, signing_keys is not read.", _DISCOVERY),
        _not_found("keys-win", "keys is present and empty: signing_keys is not read.", _DISCOVERY),
        _good("same-key-twice", "The same key twice is one key.", _FORMAT),
        Case(
            "key-duplicate-kid",
            "Two different keys with the wanted kid.",
            _FORMAT,
            _from("duplicate-kid"),
            "signature_invalid",
            "duplicate_key",
        ),
        _good("beside-unknown", "A key of unknown kind does not void the others.", _ALGORITHMS),
        _good("key-ops-verify", "key_ops with verify.", "RFC 7517 section 4.3"),
        _not_found("key-ops-sign", "key_ops without verify.", "RFC 7517 section 4.3"),
        _not_found("encryption-key", "A key for encryption.", "RFC 7517 section 4.2"),
        _not_found("no-kid", "A key without kid is not found by one.", _FORMAT),
        _unusable("symmetric", "A symmetric key vouches for nobody."),
        _unusable("rsa", "RSA is not supported."),
        _unusable("unknown-curve", "A curve that is not supported."),
        _unusable("wrong-alg", "alg says ES384 for a key on P-256."),
        _unusable("off-curve", "The point is not on the curve."),
        _unusable("short-coordinate", "A coordinate is shorter than the field."),
        Case(
            "key-low-order",
            "An Ed25519 key of small order, with which anyone can forge.",
            _UNUSABLE,
            _with("platform-ed25519", recipe=_from("low-order")),
            "algorithm_unsupported",
            "algorithm_unsupported",
        ),
        Case(
            "signature-der",
            "An ECDSA signature in DER instead of r||s.",
            _ENCODING,
            POST.signed(encoding="der"),
            "signature_invalid",
            "signature_encoding",
        ),
        Case(
            "signature-base64url",
            "A signature in base64url is no byte sequence.",
            "RFC 9651 section 3.3.5",
            POST,
            "signature_invalid",
            "malformed",
            (rewrite("Signature", "+", "-"),),
        ),
        Case(
            "signature-truncated",
            "A signature of 63 octets.",
            _ENCODING,
            POST.signed(encoding="truncated"),
            "signature_invalid",
            "signature_encoding",
        ),
        _good("alg-absent", "A key without alg.", _MEMBERS),
        _good("use-absent", "A key without use.", _MEMBERS),
        _good("more-members", "A key with members that nobody knows.", _MEMBERS),
        Case(
            "key-alg-ed25519",
            "alg is the newer name of RFC 9864.",
            _MEMBERS,
            _with("platform-ed25519", recipe=_from("alg-ed25519")),
            identity=url("alg-ed25519"),
        ),
        _good("beside-rubbish", "Entries that are no keys do not void the others.", _SET),
        _good("beside-encryption", "A key for encryption with the same kid does not count.", _SET),
        _not_found("use-upper-case", "use is SIG: members are compared exactly.", _MEMBERS),
        _not_found("key-ops-empty", "key_ops is empty.", "RFC 7517 section 4.3"),
        _not_found("key-ops-text", "key_ops is no list.", "RFC 7517 section 4.3"),
        _not_found("kid-number", "The kid is a number.", "RFC 7517 section 4.5"),
        _not_found("keys-nested", "The keys stand below ucp.", _DISCOVERY),
        _not_found("no-keys", "The profile has no keys.", _DISCOVERY),
        _unusable("p-521", "P-521 is not supported."),
        _unusable("kty-lower-case", "kty is ec: members are compared exactly."),
        _unusable("alg-none", "alg is none."),
        _unusable("alg-hs256", "alg is a symmetric one: the point would be the secret.")._replace(
            rule=_MEMBERS
        ),
        _unusable("alg-lower-case", "alg is es256.")._replace(rule=_MEMBERS),
        *(
            _unusable(host, description)._replace(rule=_COORDINATES)
            for host, description in (
                ("y-absent", "There is no y."),
                ("coordinate-padded", "A coordinate with padding."),
                ("coordinate-spare-bits", "A bit is set behind a coordinate's last octet."),
                ("coordinate-zero", "A coordinate with a zero octet before it."),
                ("coordinate-number", "A coordinate is a number."),
                ("point-swapped", "x and y changed places."),
            )
        ),
        *(
            Case(
                f"key-{host}",
                description,
                "RFC 8037 section 2",
                _with("platform-ed25519", recipe=_from(host)),
                "algorithm_unsupported",
                "algorithm_unsupported",
            )
            for host, description in (
                ("x25519", "A key for agreement, not for signatures."),
                ("alg-of-curve", "alg says ES256 for a key of Ed25519."),
            )
        ),
        _named("case", "The keyid in capitals.", '"PLATFORM-2026"'),
        _named("space", "A space behind the keyid.", '"platform-2026 "'),
        _named("prefix", "The profile's URL before the keyid.", f'"{PLATFORM}#platform-2026"'),
        _nameless("empty", "An empty keyid.", '""'),
        _nameless("integer", "The keyid is an integer.", "2026"),
        _nameless("bytes", "The keyid is a byte sequence.", ":cGxhdGZvcm0tMjAyNg==:"),
        _nameless("boolean", "The keyid is a boolean.", "?1"),
    ),
)
