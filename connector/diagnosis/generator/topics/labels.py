"""Labels: which members of the two signature headers make a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.diagnosis.generator.recipes import GET, GET_COVERS, NOW, Case, Signing, Topic, put

if TYPE_CHECKING:
    from connector.diagnosis.generator.recipes import Edit, Sent

_PAIRS: Final = "RFC 9421 section 4.1, labels that stand in one header only"
_ORDER: Final = "RFC 9421 section 4.2, order of labels"
_INPUT: Final = "Signature-Input"
_VALUE: Final = "Signature"
_LOST: Final = f'lost=("@method");created={NOW};keyid="platform-2026"'
_LOST_VALUE: Final = f"lost=:{'A' * 86}==:"
_ONE: Final = Signing(GET_COVERS)
_TWO: Final = GET._replace(signatures=(_ONE, _ONE._replace(label="sig2")))
_FOUR: Final = GET._replace(signatures=tuple(_ONE._replace(label=f"sig{n}") for n in range(1, 5)))


def _behind(name: str, member: str) -> Edit:
    return lambda sent: put(name, f"{dict(sent.headers)[name]}, {member}")(sent)


def _before(name: str, member: str) -> Edit:
    return lambda sent: put(name, f"{member}, {dict(sent.headers)[name]}")(sent)


def _named(old: str, new: str, name: str = _VALUE) -> Edit:
    return lambda sent: put(name, dict(sent.headers)[name].replace(f"{old}=", f"{new}="))(sent)


def _turned(sent: Sent) -> Sent:
    first, second = dict(sent.headers)[_VALUE].split(", ")
    return put(_VALUE, f"{second}, {first}")(sent)


def _unpaired(id_: str, description: str, edit: Edit) -> Case:
    return Case(
        f"label-{id_}", description, _PAIRS, GET, "signature_invalid", "label_mismatch", (edit,)
    )


TOPIC: Final = Topic(
    "Labels: which members of the two signature headers make a signature",
    (
        Case("label-in-both", "A label that stands in both headers.", _PAIRS, GET),
        Case(
            "label-input-behind",
            "Behind it a member of Signature-Input without a signature.",
            _PAIRS,
            GET,
            edits=(_behind(_INPUT, _LOST),),
        ),
        Case(
            "label-input-before",
            "Before it a member of Signature-Input without a signature.",
            _PAIRS,
            GET,
            edits=(_before(_INPUT, _LOST),),
        ),
        Case(
            "label-value-behind",
            "Behind it a signature without a member of Signature-Input.",
            _PAIRS,
            GET,
            edits=(_behind(_VALUE, _LOST_VALUE),),
        ),
        Case(
            "label-value-before",
            "Before it a signature without a member of Signature-Input.",
            _PAIRS,
            GET,
            edits=(_before(_VALUE, _LOST_VALUE),),
        ),
        _unpaired("longer", "One label is the other and more.", _named("sig1", "sig10")),
        _unpaired("zero", "One label has a zero more.", _named("sig1", "sig01")),
        _unpaired("hyphen", "One label has a hyphen more.", _named("sig1", "sig-1")),
        _unpaired("star", "One label has an asterisk more.", _named("sig1", "*sig1", _INPUT)),
        Case("labels-two", "Two signatures, in one order.", _ORDER, _TWO),
        Case(
            "labels-turned",
            "Signatures stand in another order than their members of Signature-Input: what"
            " belongs together says the label.",
            _ORDER,
            _TWO,
            edits=(_turned,),
        ),
        Case(
            "labels-four-and-one-lost",
            "Four signatures, and a fifth label in Signature-Input alone.",
            _ORDER,
            _FOUR,
            edits=(_behind(_INPUT, _LOST),),
        ),
        Case(
            "labels-lost-before-four",
            "Four signatures, and a fifth label in Signature alone.",
            _ORDER,
            _FOUR,
            edits=(_before(_VALUE, _LOST_VALUE),),
        ),
    ),
)
