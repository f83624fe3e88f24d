"""Whether a request's body is good: one call, with everything compiled before."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from connector.validation.extensions import EXTENSIONS, declared_here
from connector.validation.problems import MAX_PROBLEMS, Problem
from connector.validation.release import BODIES, VERSION, require_release
from connector.validation.schemas import compiled
from connector.validation.strict_json import read
from connector.validation.unknown import UnknownMembers

if TYPE_CHECKING:
    from collections.abc import Collection

    from connector.validation.problems import Path

_ARGUMENTS: Final = ("params", "arguments")
_BESIDE: Final = frozenset({"meta", "id"})
"""Arguments that stand beside the one that has a schema."""


class Checker:
    """Judges requests by the official models: at most ten problems for each.

    ``capabilities`` are the names that the merchant's profile declares; None while it has not been
    read: then every extension that the models know counts as declared. Unknown members are told
    only with ``refuse_unknown``; ``known`` are names that the merchant adds. A body of a version or
    operation without models is only read as JSON. Raises ModelsMissing.
    """

    def __init__(
        self,
        capabilities: Collection[str] | None = None,
        *,
        refuse_unknown: bool = False,
        known: Collection[str] = (),
    ) -> None:
        require_release()
        declared = frozenset(EXTENSIONS) if capabilities is None else declared_here(capabilities)
        self._schemas = compiled(declared)
        self._unknown = UnknownMembers(capabilities or (), known) if refuse_unknown else None
        self.names = self._schemas.names
        """Every name that the schemas have for a member."""

    def check_body(self, operation: str, version: str, body: bytes) -> tuple[Problem, ...]:
        """Return what is wrong with a REST request's body."""
        if not body and operation not in BODIES:
            return ()
        value, problems = read(body)
        if problems or operation not in BODIES or version != VERSION:
            return problems
        return self._judge(operation, value, ())

    def check_call(self, operation: str, version: str, body: bytes) -> tuple[Problem, ...]:
        """Return what is wrong with a JSON-RPC message; of a tool call, its arguments are judged.

        Other messages than tool calls are read as JSON alone.
        """
        value, problems = read(body)
        if problems or operation not in BODIES or version != VERSION:
            return problems
        arguments: Any = value
        for name in _ARGUMENTS:
            arguments = arguments.get(name) if isinstance(arguments, dict) else None
        if not isinstance(arguments, dict):
            return (Problem(_ARGUMENTS, "type"),)
        member = BODIES[operation].argument
        if member not in arguments:
            return (Problem((*_ARGUMENTS, member), "required"),)
        found = self._judge(operation, arguments[member], (*_ARGUMENTS, member))
        unknown = self._unknown
        if unknown is None:
            return found
        beside = (
            Problem((*_ARGUMENTS, name), "unknown_member")
            for name in arguments
            if name != member and name not in _BESIDE and not unknown.knows(name)
        )
        return tuple(islice(chain(found, beside), MAX_PROBLEMS))

    def _judge(self, operation: str, value: Any, at: Path) -> tuple[Problem, ...]:
        request, problems = self._schemas.read(operation, value, at)
        if request is None or self._unknown is None:
            return problems
        return tuple(islice(self._unknown.find(request, at), MAX_PROBLEMS))
