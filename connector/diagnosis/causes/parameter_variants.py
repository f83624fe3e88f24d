"""How mistaken signers write ``@signature-params`` (RFC 9421 section 2.3)."""

from __future__ import annotations

import re
from itertools import permutations
from typing import TYPE_CHECKING, Final

from connector.diagnosis.causes.cause import table
from connector.diagnosis.causes.draft import parameters_edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canonical import Signature
    from connector.diagnosis.causes.draft import Edit

    Texts = Iterator[tuple[str, str]]

CAUSES: Final = table(
    (
        "label-in-signature-params",
        "The signer put the label into the line of @signature-params.",
        "Put only what follows the label and its equals sign there.",
        "RFC 9421 section 2.3",
    ),
    (
        "parameters-reordered",
        "The parameters of @signature-params are in another order than in Signature-Input.",
        "Write the member once, and use the same text in the header and in the base.",
        "RFC 9421 section 2.3",
    ),
    (
        "parameters-respaced",
        "The signer spaced @signature-params otherwise than Signature-Input.",
        "Write the member once, and use the same text in the header and in the base.",
        "RFC 9421 section 2.3",
    ),
    (
        "parameters-quoted-otherwise",
        "A parameter is quoted in only one of @signature-params and Signature-Input.",
        "keyid, nonce, tag and alg are strings, created and expires are integers, in both places.",
        "RFC 9421 section 2.3",
    ),
    (
        "alg-in-one-place",
        "The alg parameter stands in only one of @signature-params and Signature-Input.",
        "UCP asks for no alg parameter: leave it out of both.",
        "RFC 9421 section 2.3",
    ),
    (
        "parameter-left-out",
        "A parameter of Signature-Input is not in the signer's @signature-params, or misnamed.",
        "Write the member once, and use the same text in the header and in the base.",
        "RFC 9421 section 2.3",
    ),
    (
        "created-computed-twice",
        "The signer asked the clock once for the base and once for the header.",
        "Take created once, and use it in both places.",
        "RFC 9421 section 2.3",
    ),
    (
        "component-list-rewritten",
        "The list of components is written otherwise in @signature-params.",
        'List them in double quotes, one space between them: ("@method" "@path").',
        "RFC 9421 section 2.3",
    ),
)

_PARAMETER: Final = re.compile(r';\s*([^;="]+)(=(?:"(?:[^"\\]|\\.)*"|[^;]*))?')
_ALGORITHMS: Final = ("ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519", "ES256", "es256")
_SECONDS: Final = (1, -1, 2, -2, 3, -3)
_MAX_PERMUTED: Final = 5


def edits(signature: Signature) -> Iterator[Edit]:
    """Yield what mistaken signers write behind ``"@signature-params": ``."""
    for cause, text in _texts(signature):
        if text != signature.member:
            common = cause not in {"parameters-reordered", "parameters-quoted-otherwise"}
            yield parameters_edit(cause, text, common=common)


def _texts(signature: Signature) -> Texts:
    member, listed = signature.member, signature.components_text
    parameters = [match[0] for match in _PARAMETER.finditer(member[len(listed) :])]
    yield "label-in-signature-params", f"{signature.label}={member}"
    yield "label-in-signature-params", f"Signature-Input: {signature.label}={member}"
    if len(parameters) <= _MAX_PERMUTED:
        for order in permutations(parameters):
            yield "parameters-reordered", listed + "".join(order)
    yield "parameters-respaced", listed + "".join(part.replace(";", "; ", 1) for part in parameters)
    yield "parameters-respaced", listed + "".join(re.sub(r"^;\s+", ";", p) for p in parameters)
    yield from _quoted(listed, parameters)
    for number, part in enumerate(parameters):
        rest = parameters[:number] + parameters[number + 1 :]
        cause = "alg-in-one-place" if part.startswith(";alg=") else "parameter-left-out"
        yield cause, listed + "".join(rest)
        for old, new in (("keyid", "keyId"), ("keyid", "kid"), ("created", "Created")):
            if part.startswith(f";{old}="):
                renamed = [*parameters]
                renamed[number] = part.replace(old, new, 1)
                yield "parameter-left-out", listed + "".join(renamed)
    yield "parameter-left-out", listed
    if not any(part.startswith(";alg=") for part in parameters):
        for alg in _ALGORITHMS:
            for at in range(len(parameters) + 1):
                added = [*parameters[:at], f';alg="{alg}"', *parameters[at:]]
                yield "alg-in-one-place", listed + "".join(added)
    yield from _times(signature)
    yield from _lists(listed, "".join(parameters))


def _quoted(listed: str, parameters: list[str]) -> Texts:
    """Put quotes around numbers, and take them from strings: one, or all of them."""

    def toggled(part: str, *, numbers: bool) -> str:
        name, _, value = part.partition("=")
        if value.isdigit():
            return f'{name}="{value}"' if numbers else part
        return part if numbers else f"{name}={value.strip(chr(34))}"

    for numbers in (True, False):
        yield (
            "parameters-quoted-otherwise",
            listed + "".join(toggled(part, numbers=numbers) for part in parameters),
        )
        for number, part in enumerate(parameters):
            one = [*parameters]
            one[number] = toggled(part, numbers=numbers)
            yield "parameters-quoted-otherwise", listed + "".join(one)


def _times(signature: Signature) -> Texts:
    for name in ("created", "expires"):
        value = signature.parameters.get(name)
        if type(value) is not int:
            continue
        others = [value + offset for offset in _SECONDS]
        # Milliseconds here and seconds there, or the reverse.
        others += [value * 1000, value // 1000]
        for other in others:
            text = signature.member.replace(f"{name}={value}", f"{name}={other}", 1)
            yield "created-computed-twice", text
    created, expires = signature.parameters.get("created"), signature.parameters.get("expires")
    if type(created) is int and type(expires) is int:
        for offset in _SECONDS:
            moved = signature.member.replace(f"created={created}", f"created={created + offset}", 1)
            moved = moved.replace(f"expires={expires}", f"expires={expires + offset}", 1)
            yield "created-computed-twice", moved


def _lists(listed: str, parameters: str) -> Texts:
    for text in (
        listed.replace('" "', '", "'),
        listed.replace('" "', '","'),
        listed.replace('"', ""),
        listed.replace('"', "'"),
        listed[1:-1],
        listed.replace("(", "[").replace(")", "]"),
        re.sub(r"\s+", " ", listed),
        re.sub(r"\(\s+|\s+\)", lambda match: match[0].strip(), listed),
        re.sub(r'"[^"@]+"', lambda match: match[0].title(), listed),
    ):
        yield "component-list-rewritten", text + parameters
