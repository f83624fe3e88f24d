"""AP2: what is signed is the canonical form of a checkout (RFC 8785), whatever is sent."""

from __future__ import annotations

import json
from typing import Final

from connector.diagnosis.generator.business import BUSINESS
from connector.diagnosis.generator.checkouts import (
    CHECKOUT,
    as_sent,
    by_code_points,
    checkout,
    in_ascii,
    rewritten,
    with_ap2,
)
from connector.diagnosis.generator.recipes import Case, Edit, Recipe, Topic

_CANONICAL: Final = "ap2-mandates.md#canonicalization"
_INVALID: Final = "merchant_authorization_invalid"

_SPACED: Final = json.dumps(json.loads(CHECKOUT), indent=2).encode("ascii")
_TURNED: Final = (
    b'{"totals":[{"amount":5400,"type":"total"}],"currency":"EUR",'
    b'"status":"ready_for_complete","id":"chk_123","ap2":{"merchant_authorization":"@"}}'
)
_FRACTION: Final = CHECKOUT.replace(b'"amount":5400', b'"amount":54.5')
_ESCAPED: Final = CHECKOUT.replace(b'"EUR"', b'"\\u20ac"')
_BEYOND: Final = CHECKOUT.replace(
    b'"currency":"EUR"', '"currency":"EUR","\U0001f33b":1,"ﬀ":2'.encode()
)
_WRITTEN: Final = (
    b'{"currency":"EUR","id":"chk_123","status":"ready_for_complete",'
    b'"totals":[{"amount":5.4E3,"type":"total"}],"ap2":{"merchant_authorization":"@"}}'
)


def _good(id_: str, description: str, rule: str, recipe: Recipe, *edits: Edit) -> Case:
    return Case(f"ap2-{id_}", description, rule, recipe, edits=edits, identity=BUSINESS, kind="ap2")


def _bad(id_: str, description: str, rule: str, recipe: Recipe, reason: str, *edits: Edit) -> Case:
    case = Case(f"ap2-{id_}", description, rule, recipe, _INVALID, reason, edits)
    return case._replace(kind="ap2")


TOPIC: Final = Topic(
    "AP2: the canonical form of a checkout",
    (
        _good("canonical", "A checkout as it is mostly sent.", _CANONICAL, checkout()),
        _good(
            "spaced",
            "White space is not part of the value that is signed.",
            _CANONICAL,
            checkout(body=_SPACED),
        ),
        _good(
            "other-order",
            "Members in another order than that of their canonical form.",
            _CANONICAL,
            checkout(body=_TURNED),
        ),
        _good(
            "number-forms",
            "5.4E3 is 5400: what is signed is the canonical form of the number.",
            _CANONICAL,
            checkout(),
            rewritten(b"5400", b"5.4E3"),
        ),
        _good("fraction", "A number with a fraction.", _CANONICAL, checkout(body=_FRACTION)),
        _good(
            "escapes",
            "An escaped character is the character itself.",
            _CANONICAL,
            checkout(body=_ESCAPED),
        ),
        _good(
            "utf-16-order",
            "Names are in order of their UTF-16 code units, not of their code points.",
            "RFC 8785 section 3.2.3",
            checkout(body=_BEYOND),
        ),
        _bad(
            "over-ap2",
            "The member ap2 was left in what is signed.",
            _CANONICAL,
            checkout(payload=with_ap2),
            "signature_mismatch",
        ),
        _bad(
            "as-sent",
            "The octets that are sent were signed, not their canonical form.",
            _CANONICAL,
            checkout(body=_TURNED, payload=as_sent),
            "signature_mismatch",
        ),
        _bad(
            "number-as-sent",
            "A number was signed as it was written, not in its canonical form.",
            "RFC 8785 section 3.2.2.3",
            checkout(body=_WRITTEN, payload=as_sent),
            "signature_mismatch",
        ),
        _good(
            "number-written",
            "The same number, signed in its canonical form.",
            "RFC 8785 section 3.2.2.3",
            checkout(body=_WRITTEN),
        ),
        _bad(
            "escaped-as-sent",
            "A character was signed as it was escaped.",
            "RFC 8785 section 3.2.2.2",
            checkout(body=_ESCAPED, payload=in_ascii),
            "signature_mismatch",
        ),
        _bad(
            "code-point-order",
            "Names were signed in order of their code points.",
            "RFC 8785 section 3.2.3",
            checkout(body=_BEYOND, payload=by_code_points),
            "signature_mismatch",
        ),
        _bad(
            "name-twice",
            "A name occurs twice: two readers would choose differently.",
            "RFC 8785 section 3.1",
            checkout(),
            "not_canonical",
            rewritten(b'"currency"', b'"currency":"USD","currency"'),
        ),
        _bad(
            "number-beyond-double",
            "A number with more digits than a double holds has no canonical form.",
            "RFC 8785 section 3.2.2.3",
            checkout(),
            "not_canonical",
            rewritten(b"5400", b"9007199254740993"),
        )._replace(differs_from="ap2-canonical"),
        _bad(
            "lone-surrogate",
            "Half of a surrogate pair is no character.",
            "RFC 8785 section 3.2.2.2",
            checkout(),
            "not_canonical",
            rewritten(b'"EUR"', b'"\\ud800"'),
        ),
    ),
)
