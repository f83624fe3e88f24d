"""The schemas of a merchant's operations, compiled at start; one call judges one request."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from connector.validation.extensions import EXTENSIONS, MEMBERS, declared_here, request_model
from connector.validation.problems import MAX_PROBLEMS, Problem
from connector.validation.release import BODIES, VERSION, require_release
from connector.validation.strict_json import problems_of, read
from connector.validation.unknown import UnknownMembers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from connector.validation.problems import Path

_RULES: Final = {
    "missing": "required",
    "literal_error": "enum",
    "string_pattern_mismatch": "pattern",
    **dict.fromkeys(
        ("greater_than", "greater_than_equal", "less_than", "less_than_equal"), "range"
    ),
    **dict.fromkeys(("too_short", "too_long", "string_too_short", "string_too_long"), "length"),
}
"""The words of docs/validation.md for pydantic's kinds of error; see _rule for the others."""

_ARGUMENTS: Final = ("params", "arguments")
_ARGUMENT_NAMES: Final = {body.argument for body in BODIES.values()}
_BESIDE: Final = {"meta", "id"}
"""Arguments that stand beside the one that has a schema."""


class Checker:
    """Judges requests by the official models.

    ``capabilities`` are the names that the merchant's profile declares; None while it has not been
    read: then every extension that the models know counts as declared. Unknown members are told
    only with ``refuse_unknown``; ``known`` are names that the merchant adds. Raises ModelsMissing.
    """

    def __init__(
        self,
        capabilities: Collection[str] | None = None,
        *,
        refuse_unknown: bool = False,
        known: Collection[str] = (),
    ) -> None:
        require_release()
        extensions = EXTENSIONS if capabilities is None else declared_here(capabilities)
        self._adapters: dict[str, TypeAdapter[BaseModel]] = {
            name: TypeAdapter(request_model(name, extensions)) for name in BODIES
        }
        self._unknown = UnknownMembers(capabilities or (), known) if refuse_unknown else None
        self.names = frozenset(
            (*_names(self._adapters.values()), *MEMBERS, *_ARGUMENTS, *_ARGUMENT_NAMES)
        )
        """Every name that the schemas have for a member, of undeclared extensions, too."""

    def check(self, operation: str, version: str, value: Any) -> tuple[Problem, ...]:
        """Return what is wrong with the value of a request's body: at most ten problems.

        A value of a version or operation without models is good if it keeps the bounds.
        """
        return problems_of(value) or self._judge(operation, version, value, ())

    def check_body(self, operation: str, version: str, body: bytes) -> tuple[Problem, ...]:
        """Return what is wrong with a REST request's body."""
        if not body and operation not in self._adapters:
            return ()
        value, problems = read(body)
        return problems or self._judge(operation, version, value, ())

    def check_call(self, operation: str, version: str, body: bytes) -> tuple[Problem, ...]:
        """Return what is wrong with a JSON-RPC message; of a tool call, its arguments are judged.

        Other messages than tool calls are judged as JSON alone.
        """
        if not body:
            return ()
        value, problems = read(body)
        if problems or operation not in self._adapters or version != VERSION:
            return problems
        arguments: Any = value
        for name in _ARGUMENTS:
            arguments = arguments.get(name) if isinstance(arguments, dict) else None
        if not isinstance(arguments, dict):
            return (Problem(_ARGUMENTS, "type"),)
        member = BODIES[operation].argument
        if member not in arguments:
            return (Problem((*_ARGUMENTS, member), "required"),)
        strangers = () if self._unknown is None else tuple(self._strangers(arguments, member))
        found = self._judge(operation, version, arguments[member], (*_ARGUMENTS, member))
        return (*found, *strangers)[:MAX_PROBLEMS]

    def _judge(self, operation: str, version: str, value: Any, at: Path) -> tuple[Problem, ...]:
        adapter = self._adapters.get(operation)
        if adapter is None or version != VERSION:
            return ()
        try:
            request = adapter.validate_python(value, strict=True)
        except ValidationError as error:
            return _problems(error, value, at)
        if self._unknown is None:
            return ()
        return tuple(islice(self._unknown.find(request, at), MAX_PROBLEMS))

    def _strangers(self, arguments: dict[str, Any], member: str) -> Iterator[Problem]:
        unknown = self._unknown
        for name in arguments:
            if name == member or name in _BESIDE or (unknown and unknown.knows(name)):
                continue
            yield Problem((*_ARGUMENTS, name), "unknown_member")


def _problems(error: ValidationError, value: Any, at: Path) -> tuple[Problem, ...]:
    found: dict[Problem, None] = {}
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        # Where a value may be of several kinds, each of them complains.
        found[_problem(each, value, at)] = None
        if len(found) == MAX_PROBLEMS:
            break
    return tuple(found)


def _problem(error: ErrorDetails, value: Any, at: Path) -> Problem:
    """Translate pydantic's word for an error, and its place.

    The place has steps that are none of the value: which kind of several was tried, or that the
    name of a member is meant.
    """
    path: list[str | int] = []
    for step in error["loc"]:
        if isinstance(value, list):
            known = isinstance(step, int) and step < len(value)
        else:
            known = isinstance(value, dict) and step in value
        if known:
            value = value[step]
            path.append(step)
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    return Problem((*at, *path), _rule(error["type"]))


def _rule(kind: str) -> str:
    # "value" is what the package's own validators find.
    return _RULES.get(kind, "type" if kind.endswith("_type") else "value")


def _names(adapters: Collection[TypeAdapter[BaseModel]]) -> Iterator[str]:
    """Yield the names of all members that the JSON Schemas of the models have."""
    waiting: list[Any] = [adapter.json_schema() for adapter in adapters]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            properties = node.get("properties")
            if isinstance(properties, dict):
                yield from properties
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
