"""Signature values: how the octets of a signature are made, encoded and written."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

from connector.diagnosis.generator import keys
from connector.diagnosis.generator.mistakes import encoded_as, written_as
from connector.diagnosis.generator.recipes import NOW, POST, Case, Recipe, Topic, put

if TYPE_CHECKING:
    from connector.diagnosis.generator.recipes import Edit, Sent

_RAW: Final = "signatures.md#rest-request-signing, signature encoding"
_RANGE: Final = "RFC 9421 section 3.3.4, range of r and s"
_P256: Final = "RFC 9421 section 3.3.4"
_P384: Final = "RFC 9421 section 3.3.5"
_EDWARDS: Final = "RFC 8032 section 5.1.7"
_BASE64: Final = "RFC 4648 section 3.5"
_PADDING: Final = "RFC 4648 section 3.2"
_BYTES: Final = "RFC 9651 section 4.2.7"
_ALG: Final = "RFC 9421 section 3.2, alg"

# SEC 2 section 2.4.2, and RFC 8032 section 5.1: the orders of the groups.
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_L: Final = 2**252 + 27742317777372353535851937790883648493
_NONCE: Final = 61
"""With this x parameter the signature begins with a zero octet."""


def _with(name: str, extra: str = "") -> Recipe:
    return POST.signed(key=name, parameters=f';created={NOW};keyid="{name}"{extra}')


_ES384: Final = _with("platform-es384")
_ED25519: Final = _with("platform-ed25519")
_LOW: Final = _with("platform-2026", ";x=1")
"""With this parameter s is the smaller of the two."""
_LEADING_ZERO: Final = _with("platform-2026", f";x={_NONCE}")


def _number(octets: bytes) -> int:
    return int.from_bytes(octets)


def _with_s(octets: bytes, s: int) -> bytes:
    return octets[:32] + s.to_bytes(32)


def _other_s(octets: bytes) -> bytes:
    return _with_s(octets, _N - _number(octets[32:]))


def _low_s(octets: bytes) -> bytes:
    return min(octets, _other_s(octets))


def _high_s(octets: bytes) -> bytes:
    return max(octets, _other_s(octets))


def _flipped(octets: bytes) -> bytes:
    return octets[:-1] + bytes((octets[-1] ^ 1,))


def _s_is_order(octets: bytes) -> bytes:
    return _with_s(octets, _N)


def _without_zero(octets: bytes) -> bytes:
    if octets[0]:
        raise ValueError("the signature does not begin with a zero octet")
    return octets[1:]


def _padded(octets: bytes) -> bytes:
    return bytes(16) + octets[:32] + bytes(16) + octets[32:]


def _shifted(octets: bytes) -> bytes:
    """Add the group's order to S: the same signature to whoever reduces it."""
    s = int.from_bytes(octets[32:], "little") + _L
    return octets[:32] + s.to_bytes(32, "little")


def _der(name: str) -> Edit:
    def edit(sent: Sent) -> Sent:
        value = b64encode(keys.sign_der(name, sent.bases[0])).decode("ascii")
        return put("Signature", f"sig1=:{value}:")(sent)

    return edit


def _without_last(sent: Sent) -> Sent:
    return put("Signature", dict(sent.headers)["Signature"][:-1])(sent)


def _without_colons(sent: Sent) -> Sent:
    return put("Signature", dict(sent.headers)["Signature"].replace(":", ""))(sent)


def _swapped_alphabet(text: str) -> str:
    return text.replace("+", "-").replace("/", "_")


def _spare_bits(text: str) -> str:
    """Set a bit behind the last octet that a decoder has no use for."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bare = text.rstrip("=")
    last = alphabet[alphabet.index(bare[-1]) + 1]
    return bare[:-1] + last + text[len(bare) :]


def _mismatch(id_: str, description: str, rule: str, edit: Edit, recipe: Recipe = POST) -> Case:
    return Case(
        f"encoding-{id_}",
        description,
        rule,
        recipe,
        "signature_invalid",
        "signature_mismatch",
        (edit,),
    )


def _length(id_: str, description: str, rule: str, edit: Edit, recipe: Recipe = POST) -> Case:
    return _mismatch(id_, description, rule, edit, recipe)._replace(reason="signature_encoding")


def _malformed(id_: str, description: str, rule: str, edit: Edit) -> Case:
    return _mismatch(id_, description, rule, edit)._replace(reason="malformed")


def _alg(id_: str, description: str, name: str, value: str, *, fits: bool = False) -> Case:
    case = Case(f"alg-{id_}", description, _ALG, _with(name, f";alg={value}"))
    return case if fits else case._replace(code="signature_invalid", reason="alg_parameter")


TOPIC: Final = Topic(
    "Encodings: the octets of signatures, their base64, and the alg parameter",
    (
        Case("encoding-es256", "r and s of 32 octets each.", _P256, POST),
        Case("encoding-es384", "r and s of 48 octets each.", _P384, _ES384),
        Case("encoding-ed25519", "R and S of 32 octets each.", _EDWARDS, _ED25519),
        Case("encoding-leading-zero", "r begins with a zero octet.", _RAW, _LEADING_ZERO),
        _length(
            "leading-zero-cut",
            "r without the zero octet that it begins with, as big integers are often written.",
            _RAW,
            encoded_as(_without_zero),
            _LEADING_ZERO,
        ),
        Case(
            "encoding-low-s",
            "The smaller of the two s that verify.",
            _RANGE,
            POST,
            edits=(encoded_as(_low_s),),
        ),
        Case(
            "encoding-high-s",
            "The greater of the two: it verifies, so a signature's octets identify nothing.",
            _RANGE,
            _LOW,
            edits=(encoded_as(_high_s),),
        ),
        _length("empty", "No octet at all.", _RAW, encoded_as(lambda _: b"")),
        _length("only-r", "r alone.", _RAW, encoded_as(lambda octets: octets[:32])),
        _length("65-octets", "A zero octet too many.", _RAW, encoded_as(lambda x: x + b"\0")),
        _length(
            "recovery-id",
            "A recovery id stands before r and s.",
            _RAW,
            encoded_as(lambda octets: b"\x1b" + octets),
        ),
        _length(
            "hexadecimal", "Hexadecimal text.", _RAW, encoded_as(lambda x: x.hex().encode("ascii"))
        ),
        _length(
            "base64-twice", "The base64 text, once more in base64.", _RAW, encoded_as(b64encode)
        ),
        _mismatch("swapped", "s before r.", _P256, encoded_as(lambda x: x[32:] + x[:32])),
        _mismatch(
            "little-endian",
            "r and s with the lowest octet first.",
            _P256,
            encoded_as(lambda octets: octets[31::-1] + octets[:31:-1]),
        ),
        _mismatch("flipped-bit", "One bit of s is another.", _P256, encoded_as(_flipped)),
        _mismatch("zero", "r and s are 0.", _RANGE, encoded_as(lambda _: bytes(64))),
        _mismatch("zero-r", "r is 0.", _RANGE, encoded_as(lambda x: bytes(32) + x[32:])),
        _mismatch("zero-s", "s is 0.", _RANGE, encoded_as(lambda x: x[:32] + bytes(32))),
        _mismatch(
            "one-and-one",
            "r and s are 1.",
            _RANGE,
            encoded_as(lambda _: (bytes(31) + b"\1") * 2),
        ),
        _mismatch("s-is-order", "s is the group's order.", _RANGE, encoded_as(_s_is_order)),
        _mismatch(
            "es256-96-octets", "r and s with 16 zero octets each.", _P256, encoded_as(_padded)
        ),
        _mismatch(
            "es384-64-octets",
            "r and s of P-384, cut to 32 octets each.",
            _P384,
            encoded_as(lambda octets: octets[:32] + octets[48:80]),
            _ES384,
        ),
        _mismatch(
            "es384-swapped",
            "s before r.",
            _P384,
            encoded_as(lambda octets: octets[48:] + octets[:48]),
            _ES384,
        ),
        _length("es384-der", "DER instead of r and s.", _P384, _der("platform-es384"), _ES384),
        _mismatch(
            "ed25519-flipped-bit",
            "One bit of S is another.",
            _EDWARDS,
            encoded_as(_flipped),
            _ED25519,
        ),
        _mismatch(
            "ed25519-shifted",
            "S and the group's order were added: S is out of range.",
            _EDWARDS,
            encoded_as(_shifted),
            _ED25519,
        ),
        _mismatch(
            "ed25519-swapped",
            "S before R.",
            _EDWARDS,
            encoded_as(lambda octets: octets[32:] + octets[:32]),
            _ED25519,
        ),
        _malformed(
            "spare-bits",
            "A bit is set behind the last octet: a second text for the same signature.",
            _BASE64,
            written_as(_spare_bits),
        ),
        _malformed(
            "unpadded",
            "base64 without its padding: a second text for the same signature.",
            _PADDING,
            written_as(lambda text: text.rstrip("=")),
        ),
        _malformed(
            "padding-within",
            "Padding stands before the end.",
            _PADDING,
            written_as(lambda text: f"{text[:40]}=={text[40:]}"),
        ),
        _malformed(
            "overpadded", "Padding where none belongs.", _PADDING, written_as(lambda x: f"{x}=")
        ),
        _malformed(
            "url-alphabet",
            "The alphabet of base64url.",
            _BYTES,
            written_as(_swapped_alphabet),
        ),
        _malformed(
            "space-within",
            "A space within the base64 text.",
            _BYTES,
            written_as(lambda text: f"{text[:40]} {text[40:]}"),
        ),
        _malformed("no-closing-colon", "The closing colon is missing.", _BYTES, _without_last),
        _malformed(
            "no-colons",
            "The base64 text without colons: a token, if anything.",
            _BYTES,
            _without_colons,
        ),
        _alg(
            "es256",
            "ES256's name, with a key on P-256.",
            "platform-2026",
            '"ecdsa-p256-sha256"',
            fits=True,
        ),
        _alg(
            "es384",
            "ES384's name, with a key on P-384.",
            "platform-es384",
            '"ecdsa-p384-sha384"',
            fits=True,
        ),
        _alg(
            "ed25519",
            "Ed25519's name, with such a key.",
            "platform-ed25519",
            '"ed25519"',
            fits=True,
        ),
        _alg(
            "other-curve", "The name for the other curve.", "platform-2026", '"ecdsa-p384-sha384"'
        ),
        _alg(
            "hmac",
            "A symmetric algorithm: the key would be the secret.",
            "platform-2026",
            '"hmac-sha256"',
        ),
        _alg("rsa", "An algorithm for RSA.", "platform-es384", '"rsa-pss-sha512"'),
        _alg("upper-case", "The right name in capitals.", "platform-ed25519", '"ED25519"'),
        _alg("empty", "An empty name.", "platform-2026", '""'),
        _alg("token", "The right name, but a token.", "platform-2026", "ecdsa-p256-sha256"),
    ),
)
