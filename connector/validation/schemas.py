"""The schemas of all operations, compiled once for each set of extensions."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from connector.validation.extensions import MEMBERS, request_model
from connector.validation.problems import MAX_PROBLEMS, Problem
from connector.validation.release import BODIES

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

# The members of a tool call around the argument that has a schema.
_ENVELOPE: Final = frozenset(
    {"jsonrpc", "id", "method", "params", "name", "arguments", "meta", "_meta"}
)


class Schemas:
    """What the official models say to a request's value, with these extensions."""

    def __init__(self, extensions: Collection[str]) -> None:
        self._adapters: dict[str, TypeAdapter[BaseModel]] = {
            name: TypeAdapter(request_model(name, extensions)) for name in BODIES
        }
        arguments = {body.argument for body in BODIES.values()}
        names = frozenset(_names(self._adapters.values()))
        self.names = names | MEMBERS | arguments | _ENVELOPE
        """Every name that a schema has for a member, of undeclared extensions, too."""

    def read(
        self, operation: str, value: Any, at: Path
    ) -> tuple[BaseModel | None, tuple[Problem, ...]]:
        """Return what the model made of a value, or what is wrong with it, which stands ``at``."""
        try:
            return self._adapters[operation].validate_python(value, strict=True), ()
        except ValidationError as error:
            return None, _problems(error, value, at)


@lru_cache(maxsize=32)
def compiled(extensions: frozenset[str]) -> Schemas:
    """Return the schemas with these extensions; merchants who declare the same share them."""
    return Schemas(extensions)


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
