"""HTTP message signatures (RFC 9421): read them, build the signature base, sign one, verify one.

Nothing here knows of policy: which components must be covered, how old a signature may be and
whose key it is are the caller's questions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from canonical.base64 import decode, encode
from canonical.components import Component, lines, plan_for
from canonical.errors import CanonicalError, SignatureInvalid
from canonical.fields import Reader, dictionary_value, field_text, parse_item
from canonical.serialization import serialize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from canonical.fields import Text
    from canonical.keys import Key
    from canonical.message import Message
    from canonical.values import BareItem, Item, Parameters

# The one member of nearly every Signature header (RFC 9421 section 4.2).
_SOLE_SIGNATURE: Final = re.compile(r"([a-z*][a-z0-9_\-.*]*)=:([A-Za-z0-9+/=]*):").fullmatch

# The one member of nearly every Signature-Input, with parameters that are plain strings or
# integers; what is covered is looked up by its text.
_SOLE_INPUT: Final = re.compile(
    r"([a-z*][a-z0-9_\-.*]*)=(\([^)]*\))"
    r'((?:;[a-z*][a-z0-9_\-.*]*=(?:[0-9]{1,15}|"[ !#-\[\]-~]*"))*)'
).fullmatch
_PLAIN_PARAMETERS: Final = re.compile(
    r';([a-z*][a-z0-9_\-.*]*)=(?:([0-9]{1,15})|"([ !#-\[\]-~]*)")'
).findall

_LF: Final = 0x0A
_CR: Final = 0x0D

_MAX_LISTS: Final = 512
_MAX_LIST_TEXT: Final = 1024
_component_lists: Final[dict[str, tuple[Component, ...]]] = {}


class Member(NamedTuple):
    """A member of Signature-Input: what is covered, and the signature's parameters."""

    components: tuple[Component, ...]
    components_text: str
    """The inner list without its parameters, as received."""
    parameters: dict[str, BareItem]
    text: str
    """The whole member as received."""


_Labelled: TypeAlias = tuple[str, "tuple[Component, ...]", str, "dict[str, BareItem]", str]
"""A label and its :class:`Member`."""


class Signature(NamedTuple):
    """A signature of a message: a label that stands in both Signature-Input and Signature."""

    label: str
    components: tuple[Component, ...]
    parameters: dict[str, BareItem]
    """Of any name and kind, as received: ``created``, ``expires``, ``keyid``, ``alg``, ..."""
    value: bytes
    member: str
    """The member of Signature-Input exactly as received: all that follows ``label=``."""
    components_text: str
    """The part of ``member`` that lists the components: equal texts mean equal components."""


def parse_signatures(message: Message) -> list[Signature]:
    """Return the signatures whose label stands in both headers, in Signature-Input's order.

    CanonicalError where a header is malformed, a member or one of its parameters occurs twice, or
    a member is no inner list of strings (Signature-Input) or no byte sequence (Signature). What
    the components mean is looked at by :func:`signature_base`.
    """
    index = message.headers.index
    input_lines = index.get(b"signature-input")
    value_lines = index.get(b"signature")
    if input_lines is None or value_lines is None:
        return []
    try:
        inputs = _read_inputs(input_lines)
    except CanonicalError as error:
        raise CanonicalError(f"Signature-Input: {error}") from None
    try:
        values = _read_values(value_lines)
    except CanonicalError as error:
        raise CanonicalError(f"Signature: {error}") from None
    return [
        Signature(label, components, parameters, values[label], text, components_text)
        for label, components, components_text, parameters, text in inputs
        if label in values
    ]


def signature_base(message: Message, member: Signature | Text) -> bytes:
    """Return the octets that are signed (RFC 9421 section 2.5).

    ``member`` is a Signature, or the text of one, ``("@method");created=1``, which goes into the
    base exactly as it is. CanonicalError, naming the component, where one is unknown, listed
    twice, not in the message, or has a value that cannot stand in a base.
    """
    if isinstance(member, Signature):
        components, components_text, text = (
            member.components,
            member.components_text,
            member.member,
        )
    else:
        components, components_text, _, text = read_member(member)
    plan = plan_for(components_text, components)
    base_lines = lines(plan, message)
    base_lines.append(b'"@signature-params": ' + text.encode())
    base = b"\n".join(base_lines)
    # A value with a line end would be lines of its own; section 2.5, step 4: ASCII only.
    if base.count(_LF) != len(plan) or _CR in base or not base.isascii():
        for line in base_lines:
            if _LF in line or _CR in line or not line.isascii():
                identifier = line.partition(b": ")[0].decode("ascii")[:200]
                raise CanonicalError(f"{identifier}: the value is not one line of ASCII")
    return base


def sign(
    message: Message,
    key: Key,
    components: Iterable[str | tuple[str, Parameters]],
    *,
    label: str = "sig1",
    **parameters: BareItem,
) -> tuple[str, str]:
    """Sign and return the values of Signature-Input and Signature.

    A component is a name (``"@method"``), an identifier (``'"content-digest";req'``) or a pair of
    name and parameters. ``parameters`` are the signature's, in this order; none is added. Raises
    CanonicalError for what :func:`signature_base` refuses, a public key, and an ``alg`` that does
    not fit the key.
    """
    _check_alg(parameters, key)
    covered = [_component(component) for component in components]
    member = serialize((covered, parameters))
    signature = key.sign(signature_base(message, member))
    name = serialize({label: True})
    return f"{name}={member}", f"{name}=:{encode(signature)}:"


def verify(message: Message, signature: Signature, key: Key) -> None:
    """Return if the signature was made with the key over these components of the message.

    SignatureInvalid otherwise, a base that cannot be built included.
    """
    try:
        _check_alg(signature.parameters, key)
        base = signature_base(message, signature)
    except CanonicalError as error:
        raise SignatureInvalid(str(error)) from error
    key.verify(signature.value, base)


def read_member(text: Text) -> Member:
    """Read the text of one member of Signature-Input: ``("@method");created=1``."""
    reader = Reader(field_text(text), unique_parameters=True)
    member = _member(reader)
    if not reader.at_end():
        raise reader.fault("the end")
    return member


def _read_inputs(header_lines: Sequence[bytes]) -> list[_Labelled]:
    text = _joined(header_lines)
    sole = _SOLE_INPUT(text)
    if sole is not None:
        label, components_text, parameters_text = sole.groups()
        components = _component_lists.get(components_text)
        if components is not None:
            plain = _PLAIN_PARAMETERS(parameters_text)
            parameters: dict[str, BareItem] = {
                name: int(number) if number else string for name, number, string in plain
            }
            if len(parameters) == len(plain):
                member = text[len(label) + 1 :]
                return [(label, components, components_text, parameters, member)]
    reader = Reader(text, unique_parameters=True)
    members: dict[str, _Labelled] = {}
    more = not reader.at_end()
    while more:
        label = reader.key()
        if label in members:
            raise CanonicalError(f"the member {label[:80]} occurs twice")
        if not reader.text.startswith("=", reader.pos):
            raise reader.fault("an inner list")
        reader.pos += 1
        members[label] = (label, *_member(reader))
        more = reader.separator()
    return list(members.values())


def _member(reader: Reader) -> Member:
    text, start = reader.text, reader.pos
    # An inner list ends at its own ")", so a text that was read as one before is one here too.
    components_text = text[start : text.find(")", start) + 1]
    components = _component_lists.get(components_text)
    if components is None:
        components = tuple(map(_checked_component, reader.inner_items()))
        components_text = text[start : reader.pos]
        if len(components_text) <= _MAX_LIST_TEXT:
            if len(_component_lists) >= _MAX_LISTS:
                _component_lists.clear()
            _component_lists[components_text] = components
    else:
        reader.pos += len(components_text)
    parameters = reader.parameters()
    return Member(components, components_text, parameters, text[start : reader.pos])


def _checked_component(item: Item) -> Component:
    name, parameters = item
    if type(name) is not str:
        raise CanonicalError("a covered component is not a string")
    return Component(name, dict(parameters))


def _read_values(header_lines: Sequence[bytes]) -> dict[str, bytes]:
    text = _joined(header_lines)
    sole = _SOLE_SIGNATURE(text)
    if sole is not None:
        label, value = sole.groups()
        return {label: decode(value)}
    reader = Reader(text)
    values: dict[str, bytes] = {}
    more = not reader.at_end()
    while more:
        label = reader.key()
        if label in values:
            raise CanonicalError(f"the member {label[:80]} occurs twice")
        octets = dictionary_value(reader)[0]
        if not isinstance(octets, bytes):
            raise CanonicalError(f"the member {label[:80]} is not a byte sequence")
        values[label] = octets
        more = reader.separator()
    return values


def _joined(header_lines: Sequence[bytes]) -> str:
    line = header_lines[0] if len(header_lines) == 1 else b", ".join(header_lines)
    return field_text(line)


def _component(component: str | tuple[str, Parameters]) -> Item:
    if not isinstance(component, str):
        return component
    return parse_item(component) if component.startswith('"') else (component, {})


def _check_alg(parameters: Parameters, key: Key) -> None:
    # RFC 9421 section 3.2, step 6: an alg parameter must name the algorithm of the key.
    alg = parameters.get("alg", key.signature_algorithm)
    if type(alg) is not str or alg != key.signature_algorithm:
        raise SignatureInvalid(f"the alg parameter does not fit a key for {key.algorithm}")
