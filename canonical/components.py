"""Component identifiers and their values (RFC 9421 section 2).

A list of covered components is turned into a *plan* once: per component the identifier's octets
and the function that finds its value. Lists repeat, so plans are kept by the list's text.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from canonical.base64 import encode
from canonical.errors import CanonicalError
from canonical.field_types import FIELD_TYPES, unique_dictionary
from canonical.message import Request, Response, to_octets
from canonical.serialization import serialize
from canonical.targets import (
    authority_of,
    path_of,
    query_of,
    query_parameters,
    split_target,
    target_uri,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canonical.message import Message
    from canonical.values import BareItem, Member


class Component(NamedTuple):
    """A component identifier: a field's lower-case name or a derived component's, parameters."""

    name: str
    parameters: dict[str, BareItem]


class _Field(NamedTuple):
    """What the parameters of a field's identifier ask for (RFC 9421 section 2.1)."""

    name: str
    key: str | None
    sf: bool
    bs: bool
    tr: bool
    req: bool


Line: TypeAlias = "tuple[bytes, Callable[[Message], bytes] | None, bytes]"
"""One line of a plan: the identifier with its colon, and how to find the value. None stands for
the plain value of the field that the last part names."""

# RFC 9110 section 5.6.2: a field name is a token; RFC 9421 section 2.1: in lower case.
_FIELD_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~]+").fullmatch

_FIELD_PARAMETERS: Final = frozenset({"bs", "key", "req", "sf", "tr"})
_TEXT_PARAMETERS: Final = frozenset({"key", "name"})

_MAX_PLANS: Final = 512
_MAX_PLAN_TEXT: Final = 1024
_plans: Final[dict[str, tuple[Line, ...]]] = {}


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
    for prefix, render, name in plan:
        if render is not None:
            result.append(prefix + render(message))
            continue
        values = index.get(name)
        if values is None:
            raise CanonicalError(f'"{name.decode()}": the message has no such field')
        result.append(prefix + (values[0] if len(values) == 1 else b", ".join(values)))
    return result


def _compiled(components: Sequence[Component]) -> tuple[Line, ...]:
    plan: list[Line] = []
    seen = set()
    for component in components:
        identifier = serialize(component)
        name, parameters = component
        _check_parameters(identifier, parameters)
        # RFC 9421 section 2: the order of parameters makes no other component.
        identity = (name, frozenset(parameters.items()))
        if identity in seen:
            raise CanonicalError(f"{identifier}: the component is listed twice")
        seen.add(identity)
        prefix = f"{identifier}: ".encode()
        if name.startswith("@"):
            plan.append((prefix, _derived(identifier, component), b""))
        elif not parameters:
            _check_field_name(identifier, name)
            plan.append((prefix, None, name.encode()))
        else:
            plan.append((prefix, partial(_field_value, identifier, _field(component)), b""))
    return tuple(plan)


def _check_parameters(identifier: str, parameters: dict[str, BareItem]) -> None:
    for name, value in parameters.items():
        wanted = type(value) is str if name in _TEXT_PARAMETERS else value is True
        if not wanted:
            raise CanonicalError(f"{identifier}: the parameter {name} has no such value")


def _check_field_name(identifier: str, name: str) -> None:
    if _FIELD_NAME(name) is None:
        raise CanonicalError(f"{identifier}: no field name in lower case")


def _derived(identifier: str, component: Component) -> Callable[[Message], bytes]:
    """Return the function that renders a derived component (RFC 9421 section 2.2)."""
    name, parameters = component
    allowed = {"name", "req"} if name == "@query-param" else {"req"}
    if name == "@status":
        allowed = set()
    elif name != "@query-param" and name not in _OF_REQUEST:
        # Section 2.3: @signature-params is never listed, and so is unknown here.
        raise CanonicalError(f"{identifier}: unknown derived component")
    if not parameters.keys() <= allowed:
        unknown = ", ".join(parameters.keys() - allowed)
        raise CanonicalError(f"{identifier}: the parameter {unknown} does not belong there")
    if name == "@status":
        return _status
    if name != "@query-param":
        return _request_value(identifier, _OF_REQUEST[name], related="req" in parameters)
    wanted = parameters.get("name")
    if not isinstance(wanted, str):
        raise CanonicalError(f"{identifier}: the parameter name is missing")
    value_of = partial(_query_parameter, wanted)
    return _request_value(identifier, value_of, related="req" in parameters)


def _field(component: Component) -> _Field:
    """Check the parameters of a field's identifier against each other and the field's type."""
    identifier = serialize(component)
    name, parameters = component
    _check_field_name(identifier, name)
    unknown = parameters.keys() - _FIELD_PARAMETERS
    if unknown:
        raise CanonicalError(f"{identifier}: unknown parameter {min(unknown)}")
    key = parameters.get("key")
    field = _Field(
        name,
        key if isinstance(key, str) else None,
        sf="sf" in parameters,
        bs="bs" in parameters,
        tr="tr" in parameters,
        req="req" in parameters,
    )
    # RFC 9421 section 2.5: parameters that exclude each other.
    if field.bs and (field.sf or field.key is not None):
        raise CanonicalError(f"{identifier}: bs excludes sf and key")
    parser = FIELD_TYPES.get(name)
    if field.sf and parser is None:
        raise CanonicalError(f"{identifier}: the field's structured type is not known")
    if field.key is not None and parser not in (None, unique_dictionary):
        raise CanonicalError(f"{identifier}: the field is no dictionary")
    return field


def _field_value(identifier: str, field: _Field, message: Message) -> bytes:
    """Return the value of a field whose identifier has parameters (RFC 9421 section 2.1)."""
    source = _related_request(identifier, message) if field.req else message
    headers = source.trailers if field.tr else source.headers
    values = headers.index.get(field.name.encode())
    if values is None:
        raise CanonicalError(f"{identifier}: the message has no such field")
    if field.bs:
        return ", ".join(f":{encode(value)}:" for value in values).encode()
    text = b", ".join(values)
    try:
        if field.key is not None:
            return serialize(_member(source, field.key, field, text)).encode()
        if field.sf:
            return serialize(FIELD_TYPES[field.name](text)).encode()
    except CanonicalError as error:
        raise CanonicalError(f"{identifier}: {error}") from None
    return text


def _member(source: Message, key: str, field: _Field, text: bytes) -> Member:
    """Find a dictionary's member; parsed once per message, however many of them are covered."""
    known = (field.name, field.tr)
    if known not in source.memo:
        source.memo[known] = unique_dictionary(text)
    members: dict[str, Member] = source.memo[known]
    if key not in members:
        raise CanonicalError("the field has no such member")
    return members[key]


def _request_value(
    identifier: str, value_of: Callable[[Request], str], *, related: bool
) -> Callable[[Message], bytes]:
    """Return the function that finds a value of the message, or with ``;req`` of its request."""

    def value(message: Message) -> bytes:
        if related:
            request = _related_request(identifier, message)
        elif isinstance(message, Request):
            request = message
        else:
            raise CanonicalError(f"{identifier}: a response has it only of its request, with ;req")
        try:
            return to_octets(value_of(request))
        except CanonicalError as error:
            raise CanonicalError(f"{identifier}: {error}") from None

    return value


def _related_request(identifier: str, message: Message) -> Request:
    if not isinstance(message, Response):
        raise CanonicalError(f"{identifier}: a request has no request that it answers")
    if message.request is None:
        raise CanonicalError(f"{identifier}: the request that is answered is not known")
    return message.request


def _status(message: Message) -> bytes:
    if not isinstance(message, Response):
        raise CanonicalError('"@status": a request has no status')
    # RFC 9421 section 2.2.9: the three digits of the status line.
    return b"%03d" % message.status


def _query_parameter(name: str, request: Request) -> str:
    if "query" not in request.memo:
        request.memo["query"] = query_parameters(request)
    found: list[str] = request.memo["query"].get(name, [])
    if len(found) != 1:
        # RFC 9421 section 2.2.8: one that occurs more than once is not covered by its name.
        raise CanonicalError(f"the query has {len(found)} such parameters, not one")
    return found[0]


_OF_REQUEST: Final[dict[str, Callable[[Request], str]]] = {
    "@authority": authority_of,
    "@method": lambda request: request.method,
    "@path": path_of,
    "@query": query_of,
    "@request-target": lambda request: request.target,
    "@scheme": lambda request: split_target(request).scheme,
    "@target-uri": target_uri,
}
