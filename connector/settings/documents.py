"""YAML documents, read so that every text has one meaning.

The types are those of YAML 1.2's core schema, less what surprises: only ``true`` and ``false`` are
booleans (``yes``, ``off`` and a date are text), a number with a leading zero is text, a repeated
key is refused, and tags that would build objects are unknown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.composer import ComposerError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from connector.settings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

# Aliases may repeat parts; what they expand to is bounded all the same.
_MAX_NODES: Final = 200_000
_MAX_DEPTH: Final = 64

_TAG: Final = "tag:yaml.org,2002:"
_SCALARS: Final[dict[str, Callable[[str], object]]] = {
    f"{_TAG}str": str,
    f"{_TAG}int": int,
    f"{_TAG}float": float,
    f"{_TAG}bool": {"true": True, "false": False}.__getitem__,
    f"{_TAG}null": {"null": None, "~": None, "": None}.__getitem__,
}


class _NestedError(yaml.MarkedYAMLError):  # type: ignore[misc,unused-ignore] # as below
    """A document is nested too deeply."""


# Composes nodes only; no constructor of PyYAML's is ever called.
class _Composer(yaml.SafeLoader):  # type: ignore[misc,unused-ignore] # untyped where stubs lack
    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 - PyYAML keeps its table on the class
    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > _MAX_DEPTH + 1:
            event = self.peek_event()  # type: ignore[no-untyped-call,unused-ignore]  # as above
            raise _NestedError(problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    # It looks ahead of what is composed, and goes through all open brackets at each token.
    def fetch_flow_collection_start(self, token: Any) -> None:
        if self.flow_level > _MAX_DEPTH:
            raise _NestedError(problem_mark=self.get_mark())
        super().fetch_flow_collection_start(token)


for _kind, _text, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", "-+0123456789"),
    ("float", r"[-+]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-+0123456789"),
):
    _Composer.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(rf"(?:{_text})\Z"), list(_first))


def read_document(text: str, source: str) -> Any:
    """Return the one value in a YAML text: dicts, lists, str, int, float, bool, None.

    Raises ConfigurationError with a line for the first thing that is wrong; ``source`` stands at
    its beginning. A text without content is None.
    """
    try:
        root = _Composer(text).get_single_node()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _error(source, line, "a character that YAML does not allow") from None
    except ComposerError as error:
        raise _error(source, _line(error.problem_mark), _composing(error)) from None
    except _NestedError as error:
        raise _error(source, _line(error.problem_mark), "nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _error(source, _line(mark), _parsing(error)) from None
    return None if root is None else _Reading(source).value(root, 0)


class _Reading:
    """Builds one document's values; counts nodes, aliases each time that they are used."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nodes = 0

    def value(self, node: Node, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > _MAX_DEPTH:
            raise self._refused(node, "too many values, or nested too deeply")
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(element, depth + 1) for element in node.value]
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, depth)
        raise self._refused(node, "a tag (!...) is not allowed here")

    def _scalar(self, node: ScalarNode) -> object:
        convert = _SCALARS.get(node.tag)
        if convert is None:
            raise self._refused(node, "a tag (!...) is not allowed here")
        try:
            return convert(node.value)
        except (ValueError, KeyError):  # an explicit tag that does not fit: !!int abc
            raise self._refused(node, "the tag does not fit the value") from None

    def _mapping(self, node: MappingNode, depth: int) -> dict[str, Any]:
        lines: dict[str, int] = {}
        members: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.value(key_node, depth + 1)
            if not isinstance(key, str):
                raise self._refused(key_node, "a key is not text; put it into quotes")
            if key in lines:
                raise self._refused(
                    key_node, f"the key {key!r} stands twice, first on line {lines[key]}"
                )
            lines[key] = _line(key_node.start_mark)
            members[key] = self.value(value_node, depth + 1)
        return members

    def _refused(self, node: Node, problem: str) -> ConfigurationError:
        return _error(self._source, _line(node.start_mark), problem)


def _composing(error: ComposerError) -> str:
    # The composer's own words repeat the alias, which may be a secret that begins with an asterisk.
    if "single document" in str(error.context):
        return "a second document begins; one is expected"
    return "an alias (*name) without its anchor, or an anchor (&name) twice; quote text in * or &"


def _parsing(error: yaml.MarkedYAMLError) -> str:
    # What the parser says holds at most one character of the text, but for this.
    problem = str(error.problem)
    return "a tag (!...) is not allowed here" if "tag handle" in problem else f"not YAML: {problem}"


def _line(mark: Any) -> int:
    return 1 if mark is None else mark.line + 1


def _error(source: str, line: int, problem: str) -> ConfigurationError:
    return ConfigurationError([f"{source}: line {line}: {problem}"])
