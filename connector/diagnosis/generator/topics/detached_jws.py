"""The scheme of the January versions: a detached JWS over the body, for registered platforms."""

from __future__ import annotations

import json
from typing import Any, Final

from canonical.base64 import encode_url
from connector.diagnosis.generator.recipes import (
    AGENT,
    BODY,
    DIGEST,
    HOST,
    KEY,
    POST,
    TYPE,
    Case,
    Detached,
    Recipe,
    Sent,
    Topic,
    append,
    change,
    put,
    registered,
)

_RULE: Final = "ucp-rules.md#4-the-older-schemes, detached JWS over the body"
_B64: Final = "RFC 7797 section 6"
_CRIT: Final = "RFC 7515 section 4.1.11"
_FORM: Final = "RFC 7515 appendix F"
_BOUND: Final = "ucp-rules.md#4-the-older-schemes, what a JWS over the body does not bind"
_CHOICE: Final = "ucp-rules.md#2-which-scheme-which-version"
_PLATFORM: Final = "platform-2026"


def protected(**changed: Any) -> str:
    members = {"alg": "ES256", "b64": False, "crit": ["b64"], "kid": _PLATFORM, **changed}
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"))


def jws(header: str = "", *, key: str = _PLATFORM, **how: Any) -> Detached:
    return Detached(header or protected(), key, **how)


def allowed(key: str = _PLATFORM, **terms: Any) -> dict[str, Any]:
    return registered(key, schemes=["rfc9421", "detached-jws"], **terms)


WRITE: Final = Recipe("POST", "/checkout-sessions", (HOST, AGENT, KEY, TYPE), BODY, (), jws())
_GET: Final = Recipe("GET", "/checkout-sessions/chk_123", (HOST, AGENT), b"", (), jws())
_COMPLETE: Final = WRITE._replace(target="/checkout-sessions/chk_123/complete")
_CANCEL: Final = WRITE._replace(target="/checkout-sessions/chk_123/cancel", body=b"{}")
_BOTH: Final = registered(_PLATFORM, schemes=["rfc9421", "detached-jws", "talos"])
_PLAIN: Final = WRITE._replace(detached=jws(protected(b64=None, crit=None), encoded=True))


def _payload_between_the_dots(sent: Sent) -> Sent:
    """Make the JWS an ordinary one: ``header.payload.signature``."""
    (value,) = (value for name, value in sent.headers if name == "Request-Signature")
    return put("Request-Signature", value.replace("..", f".{encode_url(sent.body)}."))(sent)


def _case(id_: str, description: str, rule: str, recipe: Recipe, **more: Any) -> Case:
    more.setdefault("settings", allowed())
    return Case(f"jws-{id_}", description, rule, recipe, **more)


def _signed(id_: str, description: str, rule: str, detached: Detached, reason: str) -> Case:
    """A request whose JWS was made in another way."""
    recipe = WRITE._replace(detached=detached)
    return _case(id_, description, rule, recipe, code="signature_invalid", reason=reason)


TOPIC: Final = Topic(
    "Detached JWS over the body, as the January versions sign",
    (
        _case("unencoded", "The octets of the body are signed (b64 is false).", _RULE, WRITE),
        _case("encoded", "The body's base64url text is signed, as RFC 7515 has it.", _RULE, _PLAIN),
        _case(
            "es384",
            "A P-384 key signs with ES384.",
            _RULE,
            WRITE._replace(
                detached=jws(protected(alg="ES384", kid="platform-es384"), key="platform-es384")
            ),
            settings=allowed("platform-es384"),
        ),
        _case(
            "keys-of-the-profile",
            "The registration pins no keys: they come from the profile.",
            _RULE,
            WRITE,
            settings=allowed(""),
        ),
        _case(
            "with-digest",
            "A Content-Digest beside it, which matches.",
            "signatures.md#digest",
            WRITE._replace(headers=(*WRITE.headers, DIGEST)),
        ),
        _case(
            "digest-of-another-body",
            "A Content-Digest beside it, of another body.",
            "signatures.md#digest",
            WRITE._replace(headers=(*WRITE.headers, DIGEST)),
            edits=(
                put("Content-Digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
            ),
            code="digest_mismatch",
            reason="digest_mismatch",
        ),
        _case(
            "not-allowed",
            "The registration does not allow the scheme.",
            _CHOICE,
            WRITE,
            settings=registered(_PLATFORM, schemes=["rfc9421"]),
            code="signature_invalid",
            reason="scheme_not_allowed",
            differs_from="jws-unencoded",
        ),
        _case(
            "not-registered",
            "Nobody registered the platform.",
            _CHOICE,
            WRITE,
            settings={},
            code="signature_invalid",
            reason="scheme_not_allowed",
            differs_from="jws-unencoded",
        ),
        _case(
            "beside-rfc9421",
            "Beside RFC 9421 headers a JWS counts for nothing, not even a wrong one.",
            _CHOICE,
            POST._replace(headers=(*POST.headers, ("Request-Signature", "e30..AA"))),
            settings=allowed(),
        ),
        _case(
            "with-signature-input",
            "A good JWS beside a Signature-Input: judged by RFC 9421 alone.",
            _CHOICE,
            WRITE,
            edits=(append("Signature-Input", 'sig1=("@method");keyid="platform-2026"'),),
            code="signature_invalid",
            reason="one_header",
        ),
        _case(
            "other-body",
            "A character of the body was changed after signing.",
            _RULE,
            WRITE,
            edits=(change(body=BODY.replace(b"2}", b"3}")),),
            code="signature_invalid",
            reason="signature_mismatch",
        ),
        _signed(
            "stranger",
            "Another key signed.",
            _RULE,
            jws(key="stranger"),
            "signature_mismatch",
        ),
        _signed(
            "der",
            "The signature is DER, not r||s.",
            "RFC 7518 section 3.4",
            jws(encoding="der"),
            "signature_mismatch",
        ),
        _signed(
            "signed-encoded-says-unencoded",
            "The header says b64 is false, the base64url text was signed.",
            _B64,
            jws(encoded=True),
            "signature_mismatch",
        ),
        _signed(
            "b64-without-crit",
            "b64 is false, and crit does not name it.",
            _B64,
            jws(protected(crit=None)),
            "malformed",
        ),
        _signed(
            "crit-without-b64",
            "crit names b64, which the header lacks.",
            _CRIT,
            jws(protected(b64=None)),
            "malformed",
        ),
        _signed(
            "crit-unknown",
            "crit names an extension that nobody knows.",
            _CRIT,
            jws(protected(crit=["b64", "http"], http=True)),
            "malformed",
        ),
        _signed("crit-empty", "crit names nothing.", _CRIT, jws(protected(crit=[])), "malformed"),
        _signed(
            "alg-none",
            "alg is none.",
            "RFC 8725 section 3.1",
            jws(protected(alg="none")),
            "signature_mismatch",
        ),
        _signed(
            "alg-of-another-curve",
            "alg is ES384, the key lies on P-256.",
            "RFC 8725 section 3.1",
            jws(protected(alg="ES384")),
            "signature_mismatch",
        ),
        _case(
            "eddsa",
            "An Ed25519 key of the profile signed with EdDSA, which the January versions lack.",
            "RFC 8725 section 3.1",
            WRITE._replace(
                detached=jws(protected(alg="EdDSA", kid="platform-ed25519"), key="platform-ed25519")
            ),
            settings=allowed(""),
            code="algorithm_unsupported",
            reason="algorithm_unsupported",
            differs_from="jws-keys-of-the-profile",
        ),
        _signed(
            "kid-missing",
            "The header names no key.",
            "signatures.md#key-discovery",
            jws(protected(kid=None)),
            "keyid_missing",
        ),
        _case(
            "kid-unknown",
            "No key has the kid.",
            "signatures.md#key-discovery",
            WRITE._replace(detached=jws(protected(kid="platform-2025"))),
            code="key_not_found",
            reason="key_not_found",
        ),
        _signed(
            "name-twice",
            "The header has a name twice.",
            "RFC 7515 section 4",
            jws(protected()[:-1] + ',"alg":"ES256"}'),
            "malformed",
        ),
        _case(
            "not-detached",
            "The payload stands between the dots.",
            _FORM,
            _PLAIN,
            edits=(_payload_between_the_dots,),
            code="signature_invalid",
            reason="malformed",
        ),
        _case(
            "two-lines",
            "Request-Signature stands on two lines.",
            _FORM,
            WRITE,
            edits=(append("Request-Signature", "e30..AA"),),
            code="signature_invalid",
            reason="malformed",
        ),
        _case(
            "read",
            "A read, which a JWS over the body does not bind, where that is allowed.",
            _BOUND,
            _GET,
            settings=allowed(allow_unbound_get=True),
        ),
        _case(
            "read-not-allowed",
            "A read, where that is not allowed.",
            _BOUND,
            _GET,
            code="signature_invalid",
            reason="unbound_request",
            differs_from="jws-read",
        ),
        _case(
            "cancel",
            "A checkout is cancelled, whose id a JWS over the body does not bind.",
            _BOUND,
            _CANCEL,
            settings=allowed(allow_unbound_get=True),
        ),
        _case(
            "cancel-without-body",
            "A write without a body: a JWS that was seen on a read would do for it.",
            _BOUND,
            _CANCEL._replace(body=b""),
            settings=allowed(allow_unbound_get=True),
            code="signature_invalid",
            reason="unbound_request",
            differs_from="jws-cancel",
        ),
        _case(
            "where-envelopes-are-taken",
            "The registration allows Talos envelopes, too.",
            _CHOICE,
            WRITE,
            settings=_BOTH,
        ),
        _case(
            "typ-of-an-envelope",
            "The header says that it is a Talos envelope's, where the registration takes these:"
            " a captured one, its payload sent as the body.",
            _CHOICE,
            WRITE._replace(detached=jws(protected(typ="JOSE"))),
            settings=_BOTH,
            code="signature_invalid",
            reason="scheme_not_allowed",
            differs_from="jws-where-envelopes-are-taken",
        ),
        _case(
            "complete",
            "A checkout is completed, whose id a JWS over the body does not bind, where that is"
            " allowed.",
            _BOUND,
            _COMPLETE,
            settings=allowed(allow_unbound_complete=True),
        ),
        _case(
            "complete-not-allowed",
            "A checkout is completed, where that is not allowed.",
            _BOUND,
            _COMPLETE,
            code="operation_not_permitted",
            reason="operation_not_permitted",
            differs_from="jws-complete",
        ),
    ),
)
