"""Several signatures on one request: which are judged, and which code is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.diagnosis.generator.documents import url
from connector.diagnosis.generator.recipes import (
    AGENT,
    GET,
    GET_COVERS,
    NOW,
    Case,
    Signing,
    Topic,
    put,
)

if TYPE_CHECKING:
    from connector.diagnosis.generator.recipes import Edit, Sent

_ENOUGH: Final = "RFC 9421 section 4.3, one good signature"
_BESIDE: Final = "overview/index.md#identity-resolution-algorithm, other candidates"
_LABELS: Final = "RFC 9421 section 4, labels"
_FURTHEST: Final = "ucp-rules.md#3-verifying-an-rfc-9421-request, the furthest step"
_BOUND: Final = "ucp-rules.md#3-verifying-an-rfc-9421-request, candidates"

_GOOD: Final = Signing(GET_COVERS, label="good")
_TIMES: Final = f";created={NOW}"


def _bad(parameters: str, *, key: str = "platform-2026", label: str = "bad") -> Signing:
    return Signing(GET_COVERS, key, parameters, label)


_FORGED: Final = _bad(f'{_TIMES};keyid="platform-2026"', key="stranger")
_NARROW: Final = Signing(("@method",), label="bad")
_UNKNOWN: Final = _bad(f'{_TIMES};keyid="stranger"', key="stranger")
_EARLY: Final = _bad(f';created={NOW + 600};keyid="platform-2026"')
_EXPIRED: Final = _bad(f';created={NOW - 600};expires={NOW - 300};keyid="platform-2026"')
_NAMELESS: Final = _bad(_TIMES)
_TAGGED: Final = _bad(f'{_TIMES};keyid="platform-2026";tag="another-purpose"')
_DER: Final = _bad(f'{_TIMES};keyid="platform-2026"')._replace(encoding="der")
_ALG: Final = _bad(f'{_TIMES};keyid="platform-2026";alg="ed25519"')
_BOT: Final = _bad(f'{_TIMES};keyid="platform-2026";tag="web-bot-auth"')


def _before(name: str, member: str) -> Edit:
    return lambda sent: put(name, f"{member}, {dict(sent.headers)[name]}")(sent)


def _crossed(sent: Sent) -> Sent:
    first, second = dict(sent.headers)["Signature"].split(", ed25519=")
    return put("Signature", f"es384={second}, ed25519={first.removeprefix('es384=')}")(sent)


def _beside(id_: str, description: str, rule: str, bad: Signing) -> tuple[Case, Case]:
    """Put a bad signature before a good one, and behind it."""
    before, behind = (bad, _GOOD), (_GOOD, bad)
    return (
        Case(
            f"candidate-behind-{id_}",
            f"{description}, and a good one behind it.",
            rule,
            GET._replace(signatures=before),
            accepted=1,
        ),
        Case(
            f"candidate-before-{id_}",
            f"A good signature, and behind it {description[0].lower()}{description[1:]}.",
            rule,
            GET._replace(signatures=behind),
        ),
    )


def _both(id_: str, description: str, one: Signing, other: Signing, code: str, reason: str) -> Case:
    """Two bad signatures; the case differs from one in which the latter is good."""
    signatures = (one, other._replace(label="good"))
    return Case(
        f"candidates-{id_}",
        description,
        _FURTHEST,
        GET._replace(signatures=signatures),
        code,
        reason,
    )


_TWO_KEYS: Final = GET._replace(
    signatures=(
        Signing(GET_COVERS, "platform-es384", f'{_TIMES};keyid="platform-es384"', "es384"),
        Signing(GET_COVERS, "platform-ed25519", f'{_TIMES};keyid="platform-ed25519"', "ed25519"),
    )
)
_FIVE: Final = (*(_GOOD._replace(label=f"sig{n}") for n in range(1, 5)), _GOOD)
_FOUR_BAD: Final = tuple(_FORGED._replace(label=f"bad{n}") for n in range(1, 4))
_FUTURE: Final = _bad(f'{_TIMES};keyid="future"', key="stranger")


def _unusable(case: Case) -> Case:
    """Name the profile in which a key of unknown kind stands beside the good one."""
    named = case.recipe.replaced(AGENT[0], f'profile="{url("beside-unknown")}"')
    return case._replace(identity=url("beside-unknown"), recipe=named)


TOPIC: Final = Topic(
    "Candidates: several signatures on one request",
    (
        Case("candidate-alone", "One signature.", _ENOUGH, GET._replace(signatures=(_GOOD,))),
        Case("candidates-of-two-keys", "Two keys, both good: the first one.", _ENOUGH, _TWO_KEYS),
        Case(
            "candidate-last-of-four",
            "Three that do not verify before one that does.",
            _ENOUGH,
            GET._replace(signatures=(*_FOUR_BAD, _GOOD)),
            accepted=3,
        ),
        *_beside("forged", "A signature with another key", _ENOUGH, _FORGED),
        *_beside("narrow", "One that covers too little", _ENOUGH, _NARROW),
        *_beside("unknown", "One with a key that nobody knows", _BESIDE, _UNKNOWN),
        *_beside("nameless", "One without a keyid", _LABELS, _NAMELESS),
        *_beside("expired", "One that has expired", _BESIDE, _EXPIRED),
        *_beside("tagged", "One for another purpose", _BESIDE, _TAGGED),
        *_beside("der", "One in DER", _BESIDE, _DER),
        *map(_unusable, _beside("unusable", "One of an unknown kind", _LABELS, _FUTURE)),
        Case(
            "candidates-crossed",
            "Two signatures whose labels were swapped: neither verifies.",
            _LABELS,
            _TWO_KEYS,
            "signature_invalid",
            "signature_mismatch",
            (_crossed,),
        ),
        Case(
            "candidates-one-malformed",
            "A member that is malformed: the whole header is.",
            _BOUND,
            GET._replace(signatures=(_GOOD,)),
            "signature_invalid",
            "malformed",
            (_before("Signature-Input", 'lost=("@method";keyid="platform-2026"'),),
        ),
        Case(
            "candidates-four",
            "Four signatures, the most that are judged.",
            _BOUND,
            GET._replace(signatures=_FIVE[:4]),
        ),
        Case(
            "candidates-five",
            "Five signatures, all good: one too many.",
            _BOUND,
            GET._replace(signatures=_FIVE),
            "signature_invalid",
            "too_many",
        ),
        _both(
            "tag-and-coverage",
            "One is for another purpose, the other covers too little.",
            _TAGGED,
            _NARROW,
            "signature_invalid",
            "coverage_insufficient",
        ),
        _both(
            "coverage-and-times",
            "One covers too little, the other is of the future.",
            _NARROW,
            _EARLY,
            "signature_invalid",
            "created_in_future",
        ),
        _both(
            "key-and-coverage",
            "The key of one is not there, the other covers too little.",
            _UNKNOWN,
            _NARROW,
            "key_not_found",
            "key_not_found",
        ),
        _both(
            "keyid-and-key",
            "One names no key, the key of the other is not there.",
            _NAMELESS,
            _UNKNOWN,
            "key_not_found",
            "key_not_found",
        ),
        _both(
            "signature-and-key",
            "One does not verify, the key of the other is not there.",
            _FORGED,
            _UNKNOWN,
            "signature_invalid",
            "signature_mismatch",
        ),
        _both(
            "encoding-and-signature",
            "One is in DER, the other does not verify.",
            _DER,
            _FORGED,
            "signature_invalid",
            "signature_mismatch",
        ),
    ),
)
