"""The values of components (RFC 9421 sections 2.1, 2.2 and 2.4).

Each function raises CanonicalError where the message has no such value; who calls it names the
component.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

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
    from collections.abc import Callable

    from canonical.message import Message
    from canonical.values import Member

ABSENT: Final = "the message has no such field"


class Field(NamedTuple):
    """A field, and what the parameters of its identifier ask for (RFC 9421 section 2.1)."""

    name: str
    key: str | None
    sf: bool
    bs: bool
    tr: bool
    req: bool


def field_value(field: Field, message: Message) -> bytes:
    """Return the value of a field whose identifier has parameters."""
    source = _related_request(message) if field.req else message
    headers = source.trailers if field.tr else source.headers
    values = headers.index.get(field.name.encode())
    if values is None:
        raise CanonicalError(ABSENT)
    if field.bs:
        return ", ".join(f":{encode(value)}:" for value in values).encode()
    text = b", ".join(values)
    if field.key is not None:
        return serialize(_member(source, field, field.key, text)).encode()
    if field.sf:
        return serialize(FIELD_TYPES[field.name](text)).encode()
    return text


def _member(source: Message, field: Field, key: str, text: bytes) -> Member:
    """Find a dictionary's member; parsed once per message, however many of them are covered."""
    known = (field.name, field.tr)
    if known not in source.memo:
        source.memo[known] = unique_dictionary(text)
    members: dict[str, Member] = source.memo[known]
    if key not in members:
        raise CanonicalError("the field has no such member")
    return members[key]


def status(message: Message) -> bytes:
    """Return the three digits of the status line (RFC 9421 section 2.2.9)."""
    if not isinstance(message, Response):
        raise CanonicalError("a request has no status")
    return b"%03d" % message.status


def of_message(value_of: Callable[[Request], str], message: Message) -> bytes:
    """Return a value of this message, which must be a request."""
    if not isinstance(message, Request):
        raise CanonicalError("a response has it only of its request, with ;req")
    return to_octets(value_of(message))


def of_related_request(value_of: Callable[[Request], str], message: Message) -> bytes:
    """Return a value of the request that this message answers (RFC 9421 section 2.4)."""
    return to_octets(value_of(_related_request(message)))


def _related_request(message: Message) -> Request:
    if not isinstance(message, Response):
        raise CanonicalError("a request has no request that it answers")
    if message.request is None:
        raise CanonicalError("the request that is answered is not known")
    return message.request


def query_parameter(name: str, request: Request) -> str:
    """Return the value of the one query parameter with this encoded name."""
    if "query" not in request.memo:
        request.memo["query"] = query_parameters(request)
    found: list[str] = request.memo["query"].get(name, [])
    if len(found) != 1:
        # RFC 9421 section 2.2.8: one that occurs more than once is not covered by its name.
        raise CanonicalError(f"the query has {len(found)} such parameters, not one")
    return found[0]


OF_REQUEST: Final[dict[str, Callable[[Request], str]]] = {
    "@authority": authority_of,
    "@method": lambda request: request.method,
    "@path": path_of,
    "@query": query_of,
    "@request-target": lambda request: request.target,
    "@scheme": lambda request: split_target(request).scheme,
    "@target-uri": target_uri,
}
"""The derived components of a request that take no parameter but ``req``."""
