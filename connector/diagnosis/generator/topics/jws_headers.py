"""A detached JWS by itself: its protected header, its form, its octets, and what it leaves open."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Final

from canonical.base64 import decode_url, encode_url
from connector.diagnosis.generator import keys
from connector.diagnosis.generator.recipes import BODY, Case, Topic, change, put, rewrite
from connector.diagnosis.generator.topics.detached_jws import WRITE, allowed, jws, protected

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.diagnosis.generator.recipes import Detached, Edit, Sent

_B64: Final = "RFC 7797 section 3"
_CRIT: Final = "RFC 7515 section 4.1.11, types"
_JSON: Final = "RFC 7515 section 4, JSON"
_KID: Final = "RFC 7515 section 4.1.4"
_OFFERED: Final = "RFC 8725 section 3.10"
_ALG: Final = "RFC 8725 section 3.1, alg"
_COMPACT: Final = "RFC 7515 section 7.1"
_OCTETS: Final = "RFC 7518 section 3.4, octets"
_OPEN: Final = "ucp-rules.md#4-the-older-schemes, target and headers left open"
_TERMS: Final = "ucp-rules.md#4-the-older-schemes, terms of a registration"

_FIELD: Final = "Request-Signature"
_ORDER_P256: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_STRANGER: Final = {
    name: value for name, value in keys.public_jwk("stranger").items() if name not in ("kid", "use")
}
_ELSEWHERE: Final = "https://stranger.example/keys"


def _good(id_: str, description: str, rule: str, detached: Detached, *edits: Edit) -> Case:
    recipe = WRITE._replace(detached=detached)
    return Case(f"jws-header-{id_}", description, rule, recipe, edits=edits, settings=allowed())


def _bad(id_: str, description: str, rule: str, header: str, reason: str, *edits: Edit) -> Case:
    case = _good(id_, description, rule, jws(header), *edits)
    return case._replace(code="signature_invalid", reason=reason)


def _text(old: str, new: str) -> str:
    """Return the protected header with a part of its JSON text replaced."""
    text = protected()
    if old not in text:
        raise ValueError(f"{old} is not in {text}")
    return text.replace(old, new)


def _written(change_: Callable[[str, str], str]) -> Edit:
    """Write header and signature of the JWS otherwise."""

    def edit(sent: Sent) -> Sent:
        header, _, signature = dict(sent.headers)[_FIELD].partition("..")
        return put(_FIELD, change_(header, signature))(sent)

    return edit


def _octets(change_: Callable[[bytes], bytes]) -> Edit:
    return _written(
        lambda header, signature: f"{header}..{encode_url(change_(decode_url(signature)))}"
    )


def _as_secret(sent: Sent) -> Sent:
    """Make a MAC with what everybody knows: the public key."""
    public = json.dumps(keys.public_jwk("platform-2026"), separators=(",", ":")).encode()
    return _octets(lambda _: hmac.digest(public, sent.bases[0], "sha256"))(sent)


def _other_s(raw: bytes) -> bytes:
    return raw[:32] + (_ORDER_P256 - int.from_bytes(raw[32:])).to_bytes(32)


def _spare_bit(text: str) -> str:
    """Set a bit behind the last octet: four of the last character's six are spare."""
    return text[:-1] + chr(ord(text[-1]) + 1)


def _form(id_: str, description: str, change_: Callable[[str, str], str]) -> Case:
    return _bad(id_, description, _COMPACT, "", "malformed", _written(change_))


def _mismatch(id_: str, description: str, change_: Callable[[bytes], bytes]) -> Case:
    return _bad(id_, description, _OCTETS, "", "signature_mismatch", _octets(change_))


TOPIC: Final = Topic(
    "The protected header of a detached JWS, its form, and what it leaves open",
    (
        _good("plain", "What is usual.", _B64, jws()),
        _good(
            "b64-true",
            "b64 is true and named in crit: the base64url text of the body is signed.",
            _B64,
            jws(protected(b64=True), encoded=True),
        ),
        _bad("b64-text", "b64 is a text.", _B64, protected(b64="false"), "malformed"),
        _bad("b64-zero", "b64 is 0.", _B64, protected(b64=0), "malformed"),
        _bad("b64-null", "b64 is null.", _B64, _text("false", "null"), "malformed"),
        _bad(
            "b64-says-encoded",
            "b64 is true, and the octets of the body were signed.",
            _B64,
            protected(b64=True),
            "signature_mismatch",
        ),
        _bad("crit-text", "crit is a text.", _CRIT, protected(crit="b64"), "malformed"),
        _bad(
            "crit-twice",
            "crit names b64 twice.",
            _CRIT,
            protected(crit=["b64", "b64"]),
            "malformed",
        ),
        _bad("crit-null", "crit is null.", _CRIT, _text('["b64"]', "null"), "malformed"),
        _bad("crit-case", "crit names B64.", _CRIT, protected(crit=["B64"]), "malformed"),
        _bad(
            "crit-alg", "crit names alg, too.", _CRIT, protected(crit=["b64", "alg"]), "malformed"
        ),
        _good(
            "order",
            "Its members in another order, with white space: what is signed is its text.",
            _JSON,
            jws('{ "kid": "platform-2026", "crit": ["b64"], "b64": false, "alg": "ES256" }'),
        ),
        _good("more", "Members that nobody knows.", _JSON, jws(protected(cty="json", x=[1]))),
        _good("escaped", "A name with an escape.", _JSON, jws(_text('"alg"', '"\\u0061lg"'))),
        _bad(
            "escaped-twice",
            "A name twice, once with an escape.",
            _JSON,
            _text("{", '{"\\u0061lg":"none",'),
            "malformed",
        ),
        _bad("list", "A list in place of an object.", _JSON, "[]", "malformed"),
        _bad("number", "A number in place of an object.", _JSON, "256", "malformed"),
        _bad("open", "An object that is not closed.", _JSON, protected()[:-1], "malformed"),
        _bad("comma", "A comma behind the last member.", _JSON, _text("}", ",}"), "malformed"),
        _bad("mark", "A byte order mark.", _JSON, f"\ufeff{protected()}", "malformed"),
        _bad("kid-empty", "An empty kid.", _KID, protected(kid=""), "keyid_missing"),
        _bad("kid-number", "The kid is a number.", _KID, protected(kid=2026), "malformed"),
        _bad("kid-null", "The kid is null.", _KID, _text('"platform-2026"', "null"), "malformed"),
        _bad(
            "kid-case",
            "The kid in capitals.",
            _KID,
            protected(kid="PLATFORM-2026"),
            "key_not_found",
        )._replace(code="key_not_found"),
        _good(
            "jwk-of-stranger",
            "It offers a stranger's key, which is not used: the profile's key signed.",
            _OFFERED,
            jws(protected(jwk=_STRANGER)),
        ),
        _good(
            "jwk-used",
            "It offers the key that signed, which is a stranger's.",
            _OFFERED,
            jws(protected(jwk=_STRANGER), key="stranger"),
        )._replace(code="signature_invalid", reason="signature_mismatch"),
        _good(
            "jku-of-stranger",
            "It points to a stranger's keys, which are not fetched: the profile's key signed.",
            _OFFERED,
            jws(protected(jku=_ELSEWHERE)),
        ),
        _good(
            "jku-used",
            "It points to the key that signed, which is a stranger's.",
            _OFFERED,
            jws(protected(jku=_ELSEWHERE), key="stranger"),
        )._replace(code="signature_invalid", reason="signature_mismatch"),
        _bad("alg-absent", "There is no alg.", _ALG, protected(alg=None), "signature_mismatch"),
        _bad("alg-case", "alg is es256.", _ALG, protected(alg="es256"), "signature_mismatch"),
        _bad("alg-list", "alg is a list.", _ALG, protected(alg=["ES256"]), "signature_mismatch"),
        _bad("alg-empty", "alg is empty.", _ALG, protected(alg=""), "signature_mismatch"),
        _bad("alg-rsa", "alg is RS256.", _ALG, protected(alg="RS256"), "signature_mismatch"),
        _bad(
            "alg-hmac",
            "alg is HS256, and the public key was taken for the secret.",
            _ALG,
            protected(alg="HS256"),
            "signature_mismatch",
            _as_secret,
        ),
        _form("padded", "base64url with padding.", lambda h, s: f"{h}..{s}=="),
        _form("three-dots", "A dot too many.", lambda h, s: f"{h}...{s}"),
        _form("one-dot", "A dot too few.", lambda h, s: f"{h}.{s}"),
        _form("no-header", "No protected header.", lambda _, s: f"..{s}"),
        _form("no-signature", "No signature.", lambda h, _: f"{h}.."),
        _form(
            "quoted", "In quotes, as structured fields have strings.", lambda h, s: f'"{h}..{s}"'
        ),
        _form("space", "A space behind the dots.", lambda h, s: f"{h}.. {s}"),
        _form("two", "Two of them in one line.", lambda h, s: f"{h}..{s}, {h}..{s}"),
        _form(
            "json",
            "The JSON form.",
            lambda h, s: json.dumps({"protected": h, "signature": s}, separators=(",", ":")),
        ),
        _form(
            "spare-bits",
            "A bit is set behind the last octet: a second text for the same signature.",
            lambda h, s: f"{h}..{_spare_bit(s)}",
        ),
        _good(
            "high-s",
            "The other of the two s that verify: a signature's octets name no message.",
            _OCTETS,
            jws(),
            _octets(_other_s),
        ),
        _mismatch("swapped", "s before r.", lambda raw: raw[32:] + raw[:32]),
        _mismatch("65-octets", "A zero octet too many.", lambda raw: raw + b"\0"),
        _mismatch("truncated", "63 octets.", lambda raw: raw[:-1]),
        _mismatch("zero", "r and s are 0.", lambda raw: bytes(len(raw))),
        _mismatch("hexadecimal", "Hexadecimal text.", lambda raw: raw.hex().encode()),
        _good(
            "open-key",
            "The Idempotency-Key was changed after signing, which such a JWS does not show.",
            _OPEN,
            jws(),
            rewrite("Idempotency-Key", "550e8400", "650e8400"),
        ),
        _good(
            "open-target",
            "The target was changed after signing, which such a JWS does not show.",
            _OPEN,
            jws(),
            change(target="/carts"),
        ),
        _good(
            "open-method",
            "Method and target were changed after signing, which such a JWS does not show.",
            _OPEN,
            jws(),
            change(method="PUT", target="/checkout-sessions/chk_123"),
        ),
        _bad(
            "body-respelled",
            "The same JSON in other octets.",
            _OPEN,
            "",
            "signature_mismatch",
            change(body=BODY.replace(b":", b": ")),
        ),
        _bad(
            "body-line-feed",
            "A line feed was added behind the body.",
            _OPEN,
            "",
            "signature_mismatch",
            change(body=BODY + b"\n"),
        ),
        _bad(
            "created-required",
            "The registration asks for created, which a JWS has not.",
            _TERMS,
            "",
            "created_missing",
        )._replace(
            settings=allowed(freshness={"required": True, "max_age": "5m"}),
            differs_from="jws-header-plain",
        ),
    ),
)
