"""Component identifiers (RFC 9421 section 2), and the lines that they become.

A list of covered components is turned into a *plan* once: per component the identifier's octets
and the function that finds its value. Lists repeat, so plans are kept by the list's text.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from canonical.component_values import (
    ABSENT,
    OF_REQUEST,
    Field,
    field_value,
    of_message,
    of_related_request,
    query_parameter,
    status,
)
from canonical.errors import CanonicalError
from canonical.field_types import FIELD_TYPES, unique_dictionary
from canonical.serialization import serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canonical.message import Message
    from canonical.values import BareItem


class Component(NamedTuple):
    """A component identifier: the name of a field (lower case) or derived component, parameters."""

    name: str
    parameters: dict[str, BareItem]


Line: TypeAlias = "tuple[bytes, Callable[[Message], bytes] | None, bytes]"
"""One line of a plan: the identifier with its colon, and how to find the value. None stands for
the plain value of the field that the last part names."""

# RFC 9110 section 5.6.2: a field name is a token; RFC 9421 section 2.1: in lower case.
_FIELD_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~]+").fullmatch

_OF_FIELDS: Final = frozenset({"bs", "key", "req", "sf", "tr"})
_OF_QUERY_PARAMETERS: Final = frozenset({"name", "req"})
_OF_DERIVED: Final = frozenset({"req"})
_WITH_TEXT: Final = frozenset({"key", "name"})

_MAX_PLANS: Final = 512
_MAX_PLAN_TEXT: Final = 1024
_plans: Final[dict[str, tuple[Line, ...]]] = {}

_MAX_SHOWN: Final = 200


def plan_for(text: str, components: Sequence[Component]) -> tuple[Line, ...]:
    """Return the plan of a component list, whose text is ``text``.

    Raises CanonicalError, naming the component, for an unknown derived component or parameter,
    parameters that exclude each other, ``;sf`` on a field of unknown type, and a component that
    is listed twice.
    """
    plan = _plans.get(text)
    if plan is None:
        plan = _compiled(components)
        if len(text) <= _MAX_PLAN_TEXT:
            if len(_plans) >= _MAX_PLANS:
                _plans.clear()
            _plans[text] = plan
    return plan


def lines(plan: Sequence[Line], message: Message) -> list[bytes]:
    """Return the lines of the signature base for these components of the message, without ends.

    Raises CanonicalError, naming the component, where it is absent or is not one of such a message.
    """
    index = message.headers.index
    result = []
    prefix = b""
    try:
        for prefix, render, name in plan:
            if render is not None:
                result.append(prefix + render(message))
            elif name in index:
                values = index[name]
                result.append(prefix + (values[0] if len(values) == 1 else b", ".join(values)))
            else:
                raise CanonicalError(ABSENT)  # noqa: TRY301 - named below, as what render raises is
    except CanonicalError as error:
        raise _named(prefix.decode().removesuffix(": "), error) from None
    return result


def _compiled(components: Sequence[Component]) -> tuple[Line, ...]:
    plan = []
    seen = set()
    for component in components:
        identifier = serialize(component)
        try:
            plan.append(_line(identifier, component))
        except CanonicalError as error:
            raise _named(identifier, error) from None
        # RFC 9421 section 2: the order of parameters makes no other component.
        identity = (component.name, frozenset(component.parameters.items()))
        if identity in seen:
            raise _named(identifier, "the component is listed twice")
        seen.add(identity)
    return tuple(plan)


def _named(identifier: str, reason: object) -> CanonicalError:
    return CanonicalError(f"{identifier[:_MAX_SHOWN]}: {reason}")


def _line(identifier: str, component: Component) -> Line:
    name, parameters = component
    prefix = f"{identifier}: ".encode()
    if name.startswith("@"):
        return prefix, _derived(name, parameters), b""
    if _FIELD_NAME(name) is None:
        raise CanonicalError("no field name in lower case")
    if not parameters:
        return prefix, None, name.encode()
    return prefix, partial(field_value, _field(name, parameters)), b""


def _check_parameters(parameters: dict[str, BareItem], known: frozenset[str]) -> None:
    for name, value in parameters.items():
        if name not in known:
            raise CanonicalError(f"the parameter {name[:_MAX_SHOWN]} is not known there")
        fits = type(value) is str if name in _WITH_TEXT else value is True
        if not fits:
            raise CanonicalError(f"the parameter {name} takes no such value")


def _derived(name: str, parameters: dict[str, BareItem]) -> Callable[[Message], bytes]:
    """Return the function that finds the value of a derived component (RFC 9421 section 2.2)."""
    if name == "@status":
        _check_parameters(parameters, frozenset())
        return status
    if name == "@query-param":
        _check_parameters(parameters, _OF_QUERY_PARAMETERS)
        wanted = parameters.get("name")
        if not isinstance(wanted, str):
            raise CanonicalError("the parameter name is missing")
        value_of: Callable[..., str] = partial(query_parameter, wanted)
    elif name in OF_REQUEST:
        _check_parameters(parameters, _OF_DERIVED)
        value_of = OF_REQUEST[name]
    else:
        # Section 2.3: @signature-params is never listed, and so is unknown here.
        raise CanonicalError("unknown derived component")
    return partial(of_related_request if "req" in parameters else of_message, value_of)


def _field(name: str, parameters: dict[str, BareItem]) -> Field:
    """Check the parameters of a field's identifier against each other and the field's type."""
    _check_parameters(parameters, _OF_FIELDS)
    key = parameters.get("key")
    field = Field(
        name,
        key if isinstance(key, str) else None,
        sf="sf" in parameters,
        bs="bs" in parameters,
        tr="tr" in parameters,
        req="req" in parameters,
    )
    # RFC 9421 section 2.5: parameters that exclude each other.
    if field.bs and (field.sf or field.key is not None):
        raise CanonicalError("bs excludes sf and key")
    parser = FIELD_TYPES.get(name)
    if field.sf and parser is None:
        raise CanonicalError("the field's structured type is not known")
    if field.key is not None and parser not in (None, unique_dictionary):
        raise CanonicalError("the field is no dictionary")
    return field
