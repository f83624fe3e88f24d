"""The Talos envelope, for platforms whose registration allows it and pins their keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from canonical import Request, canonicalize
from canonical.envelope import envelope
from connector.diagnosis.generator.recipes import (
    AGENT,
    BODY,
    HOST,
    KEY,
    NOW,
    TYPE,
    Case,
    Detached,
    Recipe,
    Topic,
    change,
    registered,
    rewrite,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_RULE: Final = "ucp-rules.md#4-the-older-schemes, Talos envelope"
_PATH: Final = "ucp-rules.md#4-the-older-schemes, Talos path and query"
_HEADERS: Final = "ucp-rules.md#4-the-older-schemes, Talos headers"
_BODY: Final = "ucp-rules.md#4-the-older-schemes, Talos body"
_META: Final = "ucp-rules.md#4-the-older-schemes, Talos-Signature-Meta"
_JTI: Final = "550e8400-e29b-41d4-a716-446655440000"
_PLATFORM: Final = "platform-2026"
_ALLOWED: Final = registered(_PLATFORM, schemes=["rfc9421", "talos"])


def meta_line(iat: object = NOW, jti: str = f'"{_JTI}"') -> tuple[str, str]:
    return ("Talos-Signature-Meta", f"iat={iat},jti={jti}")


def _header(**changed: Any) -> str:
    members = {"alg": "ES256", "kid": _PLATFORM, "typ": "JOSE", **changed}
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"))


def payload_of(**changed: Any) -> Callable[[Recipe], bytes]:
    """Return what makes the envelope, with some of its members replaced by whoever signed."""

    def payload(recipe: Recipe) -> bytes:
        request = Request(
            method=recipe.method,
            target=recipe.target,
            headers=list(recipe.headers),
            body=recipe.body,
        )
        return canonicalize({**json.loads(envelope(request)), **changed})

    return payload


def signed(payload: Callable[[Recipe], bytes] | None = None, **header: Any) -> Detached:
    return Detached(
        _header(**header), _PLATFORM, payload or payload_of(), encoded=True, scheme="talos"
    )


WRITE: Final = Recipe(
    "POST",
    "/checkout-sessions?source=chat&campaign=spring",
    (HOST, AGENT, KEY, TYPE, meta_line()),
    BODY,
    (),
    signed(),
)
READ: Final = Recipe(
    "GET", "/checkout-sessions/chk_123", (HOST, AGENT, meta_line()), b"", (), signed()
)
_CANCEL: Final = WRITE._replace(target="/checkout-sessions/chk_123/cancel", body=b"{}")


def _case(id_: str, description: str, rule: str, recipe: Recipe, **more: Any) -> Case:
    more.setdefault("settings", _ALLOWED)
    return Case(f"talos-{id_}", description, rule, recipe, **more)


def _other(id_: str, description: str, rule: str, **changed: Any) -> Case:
    """A request whose signer put something else into the envelope."""
    return _case(
        id_,
        description,
        rule,
        WRITE._replace(detached=signed(payload_of(**changed))),
        code="signature_invalid",
        reason="signature_mismatch",
    )


def _with_meta(id_: str, description: str, reason: str, meta: tuple[str, str]) -> Case:
    headers = (*WRITE.headers[:-1], meta)
    # What stands in the envelope no longer matters: the header is judged before it.
    recipe = WRITE._replace(headers=headers, detached=signed(lambda _: b"{}"))
    if meta[1].startswith("iat=1"):
        recipe = recipe._replace(detached=signed(_unless_malformed))
    return _case(id_, description, _META, recipe, code="signature_invalid", reason=reason)


def _unless_malformed(recipe: Recipe) -> bytes:
    (meta,) = (value for name, value in recipe.headers if name == "Talos-Signature-Meta")
    return payload_of()(recipe) if meta.endswith(f'jti="{_JTI}"') else b"{}"


TOPIC: Final = Topic(
    "The Talos envelope",
    (
        _case("write", "A write with a query and a body.", _RULE, WRITE),
        _case("read", "A read: no body, no Idempotency-Key, no Content-Type.", _RULE, READ),
        _case(
            "respelled",
            "Another spelling of the same JSON value and the same pairs in another order.",
            _BODY,
            WRITE,
            edits=(
                change(
                    target="/checkout-sessions?campaign=spring&source=ch%61t",
                    body=BODY.replace(b":", b": "),
                ),
            ),
        ),
        _case(
            "cancel-empty-object",
            "On cancel an empty object counts as no body.",
            _BODY,
            _CANCEL,
        ),
        _case(
            "cancel-empty-object-signed-as-such",
            "On cancel an empty object was signed as an object.",
            _BODY,
            _CANCEL._replace(detached=signed(payload_of(body={}))),
            code="signature_invalid",
            reason="signature_mismatch",
        ),
        _case(
            "not-allowed",
            "The registration does not allow the scheme.",
            _RULE,
            WRITE,
            settings=registered(_PLATFORM, schemes=["rfc9421"]),
            code="signature_invalid",
            reason="scheme_not_allowed",
            differs_from="talos-write",
        ),
        _case(
            "other-body",
            "A value in the body was changed after signing.",
            _BODY,
            WRITE,
            edits=(change(body=BODY.replace(b"2}", b"3}")),),
            code="signature_invalid",
            reason="signature_mismatch",
        ),
        _case(
            "other-method",
            "The method was changed after signing.",
            _PATH,
            WRITE._replace(target="/checkout-sessions/chk_123"),
            edits=(change(method="PUT"),),
            code="signature_invalid",
            reason="signature_mismatch",
            differs_from="talos-write-to-one",
        ),
        _case(
            "write-to-one",
            "A write to one checkout, which the method tells apart.",
            _PATH,
            WRITE._replace(method="PUT", target="/checkout-sessions/chk_123"),
        ),
        _case(
            "other-path",
            "The id in the path was changed after signing.",
            _PATH,
            READ,
            edits=(change(target="/checkout-sessions/chk_124"),),
            code="signature_invalid",
            reason="signature_mismatch",
        ),
        _case(
            "other-query",
            "A parameter was added after signing, without a value.",
            _PATH,
            WRITE,
            edits=(change(target="/checkout-sessions?source=chat&campaign=spring&debug="),),
            code="signature_invalid",
            reason="signature_mismatch",
        ),
        _case(
            "other-key",
            "The Idempotency-Key was changed after signing.",
            _HEADERS,
            WRITE,
            edits=(rewrite("Idempotency-Key", "550e8400", "650e8400"),),
            code="signature_invalid",
            reason="signature_mismatch",
        ),
        _other("whole-url", "The envelope has the URL in place of the path.", _PATH,
               path="https://shop.example.com/checkout-sessions"),
        _other("query-as-sent", "The envelope has the pairs in the order in which they are sent.",
               _PATH, query="source=chat&campaign=spring"),
        _other("method-lower", "The envelope has the method in lower case.", _RULE, method="post"),
        _other("body-text", "The envelope has the body as a string.", _BODY, body=BODY.decode()),
        _other("no-headers", "The envelope has no headers.", _HEADERS, headers={}),
        _other("other-meta", "The envelope has another time than the header.", _META,
               meta={"iat": NOW - 1, "jti": _JTI}),
        _case(
            "typ",
            "typ is not JOSE.",
            _RULE,
            WRITE._replace(detached=signed(typ="JWT")),
            code="signature_invalid",
            reason="signature_mismatch",
        ),
        _with_meta("old", "Signed more than five minutes ago.", "too_old", meta_line(NOW - 331)),
        _with_meta("future", "Signed in the future.", "created_in_future", meta_line(NOW + 31)),
        _with_meta("jti-token", "jti is a token, not a string.", "malformed", meta_line(jti=_JTI)),
        _with_meta("jti-no-uuid", "jti is no UUID.", "malformed", meta_line(jti='"once"')),
        _with_meta("iat-string", "iat is a string.", "malformed", meta_line(f'"{NOW}"')),
        _case("oldest", "Signed as long ago as may be.", _META,
              WRITE._replace(headers=(*WRITE.headers[:-1], meta_line(NOW - 330)))),
    ),
)  # fmt: skip
