"""What a Talos envelope binds, and which spellings of one message it cannot tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from canonical import Request
from canonical.envelope import envelope
from connector.diagnosis.generator.recipes import (
    AGENT,
    BODY,
    KEY,
    NOW,
    Case,
    Topic,
    append,
    change,
    put,
    registered,
    rewrite,
)
from connector.diagnosis.generator.topics.talos import READ, WRITE, meta_line, signed

if TYPE_CHECKING:
    from connector.diagnosis.generator.recipes import Detached, Edit, Recipe

_ENDPOINT: Final = "ucp-rules.md#4-the-older-schemes, Talos path relative to the endpoint"
_QUERY: Final = "ucp-rules.md#4-the-older-schemes, Talos query as a form"
_AGENT: Final = "ucp-rules.md#4-the-older-schemes, Talos ucp-agent"
_AS_SENT: Final = "ucp-rules.md#4-the-older-schemes, Talos headers as sent"
_VALUE: Final = "ucp-rules.md#4-the-older-schemes, Talos body as a value"
_META: Final = "ucp-rules.md#4-the-older-schemes, members of Talos-Signature-Meta"
_EMPTY: Final = "ucp-rules.md#4-the-older-schemes, Talos body on cancel"
_ALTERED: Final = "ucp-rules.md#4-the-older-schemes, Talos-Signature-Meta altered"
_KEYS: Final = "ucp-rules.md#4-the-older-schemes, Talos keys and header"

_PLATFORM: Final = "platform-2026"
_SCHEMES: Final = ["rfc9421", "talos"]
_TALOS: Final = registered(_PLATFORM, schemes=_SCHEMES)
_META_NAME: Final = "Talos-Signature-Meta"
_JTI: Final = "550e8400-e29b-41d4-a716-446655440000"
_BASE: Final = "/ucp/v1"
_BELOW: Final = {**_TALOS, "endpoints": {"rest": _BASE, "mcp": "off"}}
_SPACED: Final = WRITE._replace(target="/checkout-sessions?q=a%20b")
_PAIRS: Final = WRITE._replace(target="/checkout-sessions?id=1&id=2")
_TWO_MEMBERS: Final = WRITE.replaced(AGENT[0], f'{AGENT[1]}, version="1"')
_TYPED: Final = WRITE.replaced("Content-Type", "application/json; charset=utf-8")
_CANCEL: Final = WRITE._replace(target="/checkout-sessions/chk_123/cancel", body=b"{}")
_COMPLETE: Final = _CANCEL._replace(target="/checkout-sessions/chk_123/complete")
_KEYED_READ: Final = READ.replaced(*KEY)


def _same(id_: str, description: str, rule: str, recipe: Recipe, *edits: Edit) -> Case:
    return Case(f"envelope-{id_}", description, rule, recipe, edits=edits, settings=_TALOS)


def _other(id_: str, description: str, rule: str, recipe: Recipe, *edits: Edit) -> Case:
    case = _same(id_, description, rule, recipe, *edits)
    return case._replace(code="signature_invalid", reason="signature_mismatch")


def _meta(id_: str, description: str, value: str) -> Case:
    """Another Talos-Signature-Meta, which is judged before anything that was signed."""
    case = _other(id_, description, _META, WRITE, put(_META_NAME, value))
    return case._replace(reason="malformed")


def _below(endpoint: str) -> Recipe:
    """Return a write below the endpoint, whose signer took the path to be relative to another."""

    def payload(recipe: Recipe) -> bytes:
        request = Request(
            method=recipe.method,
            target=recipe.target,
            headers=list(recipe.headers),
            body=recipe.body,
        )
        return envelope(request, endpoint=endpoint)

    return WRITE._replace(target=f"{_BASE}/checkout-sessions", detached=signed(payload))


def _unencoded() -> Detached:
    return signed(b64=False, crit=["b64"])._replace(encoded=False)


TOPIC: Final = Topic(
    "What a Talos envelope binds, and what it cannot tell apart",
    (
        _same("plain", "A write with a query and a body.", _KEYS, WRITE),
        _same(
            "below-endpoint", "A path relative to the endpoint.", _ENDPOINT, _below(_BASE)
        )._replace(settings=_BELOW),
        _other("whole-path", "The whole path was signed.", _ENDPOINT, _below(""))._replace(
            settings=_BELOW
        ),
        _same("space", "A space in the query, percent-encoded.", _QUERY, _SPACED),
        _same(
            "space-as-plus",
            "%20 became a plus sign after signing, which a form reads alike.",
            _QUERY,
            _SPACED,
            change(target="/checkout-sessions?q=a+b"),
        ),
        _other(
            "plus-encoded",
            "A space became a plus sign, percent-encoded, which is another character.",
            _QUERY,
            _SPACED,
            change(target="/checkout-sessions?q=a%2Bb"),
        ),
        _same(
            "pairs-reordered",
            "Two parameters of one name changed places after signing.",
            _QUERY,
            _PAIRS,
            change(target="/checkout-sessions?id=2&id=1"),
        ),
        _other(
            "pair-dropped",
            "Of two parameters of one name the first was dropped.",
            _QUERY,
            _PAIRS,
            change(target="/checkout-sessions?id=2"),
        ),
        _other(
            "pair-case",
            "A parameter's name was put in capitals.",
            _QUERY,
            _PAIRS,
            change(target="/checkout-sessions?ID=1&id=2"),
        ),
        _same("agent", "Two members of UCP-Agent.", _AGENT, _TWO_MEMBERS),
        _same(
            "agent-respelled",
            "White space between the members of UCP-Agent changed after signing.",
            _AGENT,
            _TWO_MEMBERS,
            rewrite("UCP-Agent", ", ", " ,\t"),
        ),
        _other(
            "agent-member-altered",
            "A member of UCP-Agent was changed after signing.",
            _AGENT,
            _TWO_MEMBERS,
            rewrite("UCP-Agent", '"1"', '"2"'),
        ),
        _other(
            "agent-member-dropped",
            "A member of UCP-Agent was dropped after signing.",
            _AGENT,
            _TWO_MEMBERS,
            rewrite("UCP-Agent", ', version="1"', ""),
        ),
        _same("type", "The media type with its charset.", _AS_SENT, _TYPED),
        _other(
            "type-respelled",
            "A space in Content-Type was dropped after signing: it is signed as it is sent.",
            _AS_SENT,
            _TYPED,
            rewrite("Content-Type", "; ", ";"),
        ),
        _other(
            "type-parameter-dropped",
            "The charset was dropped after signing.",
            _AS_SENT,
            _TYPED,
            rewrite("Content-Type", "; charset=utf-8", ""),
        ),
        _same("key-of-read", "An Idempotency-Key on a read.", _AS_SENT, _KEYED_READ),
        _other(
            "key-of-read-altered",
            "The Idempotency-Key of a read was changed after signing.",
            _AS_SENT,
            _KEYED_READ,
            rewrite("Idempotency-Key", "550e8400", "650e8400"),
        ),
        _other(
            "key-of-read-removed",
            "The Idempotency-Key of a read was removed after signing.",
            _AS_SENT,
            _KEYED_READ,
            put("Idempotency-Key"),
        ),
        _same(
            "header-beside",
            "A header that no envelope has was added after signing.",
            _AS_SENT,
            WRITE,
            append("X-Trace", "1"),
        ),
        _same(
            "number-respelled",
            "A number was written otherwise after signing: 2.0 for 2.",
            _VALUE,
            WRITE,
            change(body=BODY.replace(b"2}", b"2.0}")),
        ),
        _same(
            "text-respelled",
            "A letter was written as an escape after signing.",
            _VALUE,
            WRITE,
            change(body=BODY.replace(b'"item_123"', b'"\\u0069tem_123"')),
        ),
        _other(
            "number-as-text",
            "A number became a text after signing.",
            _VALUE,
            WRITE,
            change(body=BODY.replace(b"2}", b'"2"}')),
        ),
        _other(
            "name-twice",
            "A name was put in twice after signing: which value counts is the reader's choice.",
            _VALUE,
            WRITE,
            change(body=BODY.replace(b'"quantity":2', b'"quantity":9,"quantity":2')),
        ),
        _other(
            "body-removed",
            "The body was removed after signing.",
            _VALUE,
            WRITE,
            change(body=b""),
        ),
        _other(
            "jti-altered",
            "The jti was changed after signing.",
            _ALTERED,
            WRITE,
            rewrite(_META_NAME, "550e8400", "650e8400"),
        ),
        _other(
            "iat-altered",
            "The iat was changed after signing.",
            _ALTERED,
            WRITE,
            rewrite(_META_NAME, f"iat={NOW}", f"iat={NOW - 20}"),
        ),
        _same(
            "cancel-body-removed",
            "On cancel the empty object was removed after signing, which counts as no body.",
            _EMPTY,
            _CANCEL,
            change(body=b""),
        ),
        _other(
            "cancel-body-filled",
            "On cancel the empty object became another after signing.",
            _EMPTY,
            _CANCEL,
            change(body=b'{"reason":"other"}'),
        ),
        _same(
            "empty-object",
            "Elsewhere an empty object is an empty object.",
            _EMPTY,
            _COMPLETE,
        ),
        _other(
            "empty-object-removed",
            "Elsewhere an empty object was removed after signing.",
            _EMPTY,
            _COMPLETE,
            change(body=b""),
        ),
        _same(
            "iat-ahead",
            "Signed as far ahead as two clocks may differ.",
            _ALTERED,
            WRITE.replaced(*meta_line(NOW + 30)),
        ),
        _meta("meta-no-jti", "There is no jti.", f"iat={NOW}"),
        _meta("meta-no-iat", "There is no iat.", f'jti="{_JTI}"'),
        _meta("meta-more", "A member too many.", f'iat={NOW},jti="{_JTI}",exp={NOW}'),
        _meta("meta-parameter", "A parameter of iat.", f'iat={NOW};x,jti="{_JTI}"'),
        _meta("meta-decimal", "iat is a decimal.", f'iat={NOW}.5,jti="{_JTI}"'),
        _meta("meta-twice", "iat occurs twice.", f'iat={NOW},iat={NOW},jti="{_JTI}"'),
        _meta("meta-comma", "A comma at the end.", f'iat={NOW},jti="{_JTI}",'),
        _meta("meta-braces", "The jti in braces.", f'iat={NOW},jti="{{{_JTI}}}"'),
        _other(
            "meta-lines", "It stands on two lines.", _META, WRITE, append(_META_NAME, "x=1")
        )._replace(reason="malformed"),
        _same(
            "meta-upper-case",
            "The jti in capitals.",
            _META,
            WRITE.replaced(*meta_line(jti=f'"{_JTI.upper()}"')),
        ),
        _same(
            "es384",
            "A key on P-384.",
            _KEYS,
            WRITE._replace(
                detached=signed(alg="ES384", kid="platform-es384")._replace(key="platform-es384")
            ),
        )._replace(settings=registered("platform-es384", schemes=_SCHEMES)),
        _other(
            "stranger",
            "A stranger signed.",
            _KEYS,
            WRITE._replace(detached=signed()._replace(key="stranger")),
        ),
        _other("typ-absent", "There is no typ.", _KEYS, WRITE._replace(detached=signed(typ=None))),
        _other("typ-case", "typ is jose.", _KEYS, WRITE._replace(detached=signed(typ="jose"))),
        _other(
            "unencoded",
            "The envelope's octets were signed, not their base64url text.",
            _KEYS,
            WRITE._replace(detached=_unencoded()),
        ),
        _other(
            "kid-unknown",
            "No key has the kid.",
            _KEYS,
            WRITE._replace(detached=signed(kid="platform-2025")),
        )._replace(code="key_not_found", reason="key_not_found"),
    ),
)
