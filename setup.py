"""Compiles the way of a request with mypyc, where UCP_CONNECTOR_COMPILE=1 asks for it.

All else about the package stands in pyproject.toml. The modules below are the same sources, typed
as mypy checks them, turned into C; without the variable they run as they are. A package that is
compiled holds both, and Python takes the compiled one.

What mypyc 2.4 gets wrong is not given to it:

- While a coroutine waits in an ``except`` or a ``finally``, the exception that is handled there is
  forgotten: what is raised again behind the ``await`` is lost, or ends the process. The end of an
  ``async with`` is such a place, too.
- A name that several of a coroutine's handlers give to what they caught is one variable, of the
  first one's type.
- A constant tuple of floats alone may count as not set.

Modules with any of them stay as they are.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Final

from setuptools import setup

ROOMS: Final = (
    "canonical",
    "connector",
    "connector/admission",
    "connector/authentication",
    "connector/ingress",
    "connector/telemetry",
    "connector/transports",
    "connector/upstream",
)
"""Folders whose modules are compiled, but for those that mypyc refuses or gets wrong."""
MODULES: Final = (
    "connector/audit/blocks.py",
    "connector/audit/evidence.py",
    "connector/audit/growth.py",
    "connector/audit/ledger.py",
    "connector/audit/log.py",
    "connector/audit/redaction.py",
    "connector/audit/rendering.py",
    "connector/audit/segment.py",
    "connector/audit/tiles.py",
    "connector/audit/tree.py",
    "connector/audit/writer.py",
    "connector/server/admissions.py",
    "connector/server/clock.py",
    "connector/signing/answers.py",
    "connector/signing/publishing.py",
    "connector/store/breaker.py",
    "connector/store/connection.py",
    "connector/store/single.py",
)
NOT_COMPILED: Final = ("canonical/values.py",)  # subclasses of str and bytes, which mypyc refuses


def compiled_modules() -> list[str]:
    """Return the paths of the modules to compile."""
    found = [str(each) for room in ROOMS for each in sorted(Path(room).glob("[!_]*.py"))]
    listed = [each for each in (*found, *MODULES) if each not in NOT_COMPILED]
    return [each for each in listed if not is_miscompiled(Path(each).read_text("utf-8"))]


def is_miscompiled(source: str) -> bool:
    """Return whether there is anything in it that mypyc gets wrong, as described above."""
    module = ast.parse(source)
    coroutines = [each for each in ast.walk(module) if isinstance(each, ast.AsyncFunctionDef)]
    return any(map(_forgets, coroutines)) or any(map(_is_unset, module.body))


def _forgets(coroutine: ast.AsyncFunctionDef) -> bool:
    kinds: dict[str, set[str]] = {}
    for node in ast.walk(coroutine):
        if isinstance(node, ast.AsyncWith):
            return True
        if isinstance(node, ast.Try | ast.TryStar):
            within = [n for handler in [*node.handlers, *node.finalbody] for n in ast.walk(handler)]
            if any(map(_waits, within)):
                return True
        if isinstance(node, ast.ExceptHandler) and node.name and node.type:
            kinds.setdefault(node.name, set()).add(ast.unparse(node.type))
    return any(len(each) > 1 for each in kinds.values())


def _waits(node: ast.AST) -> bool:
    return isinstance(node, ast.Await | ast.AsyncFor) or bool(getattr(node, "is_async", 0))


def _is_unset(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.AnnAssign)
        and ast.unparse(node.annotation) == "Final"
        and isinstance(node.value, ast.Tuple)
        and not any(map(_is_no_float, node.value.elts))
    )


def _is_no_float(item: ast.expr) -> bool:
    if isinstance(item, ast.Constant):
        return not isinstance(item.value, float)
    return not isinstance(item, ast.Starred | ast.UnaryOp | ast.BinOp | ast.Name)


def extensions() -> list[object]:
    """Return what setuptools is to build besides the modules themselves."""
    if os.environ.get("UCP_CONNECTOR_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - only who compiles needs it

    return list(mypycify(compiled_modules(), opt_level="3", debug_level="0", multi_file=True))


if __name__ == "__main__":
    setup(ext_modules=extensions())
