"""The mutants of a module: its source with one operator or constant changed.

What changes comes from cosmic-ray. Left out is what can't change what the module does: type
annotations (never evaluated here), imports for type checkers, ``__repr__``.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

_LAST_COLUMN: Final = 1 << 20

Place = tuple[int, int]
"""A line, from 1, and a column, from 0."""


class Mutant(NamedTuple):
    """One changed source."""

    module: str
    """The module's name within the package."""
    operator: str
    line: int
    before: str
    """The line that is changed, without the space around it."""
    after: str
    source: str


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of the operators and of the lines."""
    tree = ast.parse(source)
    inert = list(_inert_spans(tree))
    nodes = get_ast(source)
    provider: Any = OperatorProvider()
    for name in provider:
        if provider[name].arguments():
            continue  # of those that change names; an operator or a constant is what is asked for
        operator = provider[name]()
        positions = (
            span for node in ast_nodes(nodes) for span in operator.mutation_positions(node)
        )
        for occurrence, (start, end) in enumerate(positions):
            if any(first <= start and end <= last for first, last in inert):
                continue
            changed = mutate_code(source, operator, occurrence)
            if changed is None or _same(tree, changed):
                continue
            line, before, after = _difference(source, changed)
            yield Mutant(module, name, line, before, after, changed)


def _inert_spans(tree: ast.Module) -> Iterator[tuple[Place, Place]]:
    for node in ast.walk(tree):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(part, ast.expr):
                yield (part.lineno, part.col_offset), _end(part)
        if isinstance(node, ast.FunctionDef) and node.name == "__repr__":
            yield (node.lineno, 0), _end(node)
        if (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
        ):
            yield (node.lineno, 0), _end(node)


def _end(node: ast.expr | ast.stmt) -> Place:
    return node.end_lineno or node.lineno, node.end_col_offset or _LAST_COLUMN


def _same(tree: ast.Module, changed: str) -> bool:
    """Whether nothing but the spelling differs (``0`` and ``-0``); what is no Python differs."""
    try:
        return ast.dump(tree) == ast.dump(ast.parse(changed))
    except SyntaxError:
        return False


def _difference(source: str, changed: str) -> tuple[int, str, str]:
    """Return the number of the first line that differs, and both forms of it."""
    before, after = source.splitlines(), changed.splitlines()
    for number, (old, new) in enumerate(zip(before, after, strict=False), 1):
        if old != new:
            return number, old.strip(), new.strip()
    return len(after) + 1, "", ""
