"""A business's checkouts, with their AP2 authorizations made well or badly."""

from __future__ import annotations

import json
from typing import Any, Final

from canonical import canonicalize
from connector.diagnosis.generator.recipes import POST, TYPE, Detached, Edit, Recipe, Sent, change

_MARK: Final = "@"
"""Stands in a body where the authorization will be."""
CHECKOUT: Final = (
    # The members of ap2 stand last, which the forms below rely on.
    b'{"id":"chk_123","status":"ready_for_complete","currency":"EUR",'
    b'"totals":[{"type":"total","amount":5400}],"ap2":{"merchant_authorization":"@"}}'
)


def header(**changed: Any) -> str:
    """Return a protected header, JSON text; a member changed to None is left out."""
    members = {"alg": "ES256", "kid": "business-2026", **changed}
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"))


def without_ap2(recipe: Recipe) -> bytes:
    """Return what is signed: the canonical form of the checkout without ``ap2``."""
    document = json.loads(recipe.body)
    del document["ap2"]
    return canonicalize(document)


def with_ap2(recipe: Recipe) -> bytes:
    """Return the canonical form with ``ap2`` in it, empty as it was while signing."""
    return canonicalize({**json.loads(recipe.body), "ap2": {}})


def as_sent(recipe: Recipe) -> bytes:
    """Return the octets as they are sent, less the ``ap2`` member, and not their canonical form."""
    return recipe.body[: recipe.body.index(b',"ap2"')] + b"}"


def in_ascii(recipe: Recipe) -> bytes:
    """Return what is nearly the canonical form, with everything beyond ASCII escaped."""
    return json.dumps(
        json.loads(without_ap2(recipe)), separators=(",", ":"), sort_keys=True
    ).encode("ascii")


def by_code_points(recipe: Recipe) -> bytes:
    """Return what is nearly the canonical form, with names in order of their code points."""
    return json.dumps(
        json.loads(without_ap2(recipe)),
        separators=(",", ":"),
        sort_keys=True,
        ensure_ascii=False,
    ).encode()


def _embedded(recipe: Recipe, jws: str) -> Recipe:
    return recipe._replace(body=recipe.body.replace(_MARK.encode(), jws.encode("ascii")))


def checkout(
    protected: str = "",
    *,
    body: bytes = CHECKOUT,
    key: str = "business-2026",
    payload: Any = without_ap2,
    **how: Any,
) -> Recipe:
    """Return the answer to a platform, a checkout that carries its authorization."""
    how = {"encoded": True, "place": _embedded, **how}
    return Recipe(
        "",
        "",
        (TYPE,),
        body,
        (),
        detached=Detached(protected or header(), key, payload, **how),
        status=201,
        answers=POST,
    )


def rewritten(old: bytes, new: bytes) -> Edit:
    """Replace a part of the body afterwards; the part must occur."""

    def edit(sent: Sent) -> Sent:
        if old not in sent.body:
            raise ValueError(f"the body does not contain {old!r}")
        return change(body=sent.body.replace(old, new))(sent)

    return edit
