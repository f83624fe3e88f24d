"""What may be imported: an allow-list for canonical, where import-linter can only forbid by name,
and for the rest the dependencies that pyproject.toml declares.
"""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.project.lockfile import declared, grouped

ROOT = Path(__file__).resolve().parents[2]

# Of the standard library these reach for files, sockets, clocks, processes or chance.
IMPURE = {
    "asyncio", "concurrent", "ctypes", "datetime", "fcntl", "ftplib", "getpass", "glob", "http",
    "io", "locale", "logging", "mmap", "multiprocessing", "os", "pathlib", "pickle", "platform",
    "random", "sched", "secrets", "select", "selectors", "shelve", "shutil", "signal", "smtplib",
    "socket", "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time",
    "urllib.error", "urllib.request", "uuid", "xmlrpc", "zoneinfo",
}  # fmt: skip


def imported(path: Path) -> set[str]:
    """Dotted names of everything that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_allowed(name: str) -> bool:
    parts = name.split(".")
    if any(".".join(parts[:length]) in IMPURE for length in range(1, len(parts) + 1)):
        return False
    return parts[0] in sys.stdlib_module_names or parts[0] in {"canonical", "cryptography"}


def test_canonical_imports_the_pure_standard_library_and_cryptography_alone() -> None:
    modules = sorted((ROOT / "canonical").rglob("*.py"))
    assert modules
    refused = {
        path.name: sorted(name for name in imported(path) if not is_allowed(name))
        for path in modules
    }
    assert {name: names for name, names in refused.items() if names} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import httpx",
        "import connector",
        "from urllib import request",
        "import urllib.request as u",
        "from time import time",
        "def f():\n    import socket",
    ],
)
def test_what_is_impure_is_seen(tmp_path: Path, line: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(line, encoding="utf-8")
    assert not any(is_allowed(name) for name in imported(module))


def undeclared(folder: str, names: set[str]) -> dict[str, str]:
    """By third-party import below ``folder``: the distribution that is not among ``names``."""
    distributions = packages_distributions()
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for top in {name.partition(".")[0] for name in imported(path)}:
            if top in sys.stdlib_module_names or top in OURS:
                continue
            providers = {
                re.sub(r"[-_.]+", "-", each).lower() for each in distributions.get(top, [top])
            }
            providers |= {PARTS[each] for each in providers if each in PARTS}
            if not providers & names:
                found[top] = ", ".join(sorted(providers))
    return found


OURS = {"bench", "canonical", "connector", "tests"}
# pydantic pins pydantic-core to one version and documents its error types as its own; a client of
# the package mcp is given one of httpx2.
PARTS = {"pydantic-core": "pydantic", "httpx2": "mcp"}


def test_what_runs_imports_declared_dependencies_alone() -> None:
    assert undeclared("canonical", declared()) == {}
    assert undeclared("connector", declared()) == {}


def test_the_tests_import_declared_dependencies_alone() -> None:
    groups = grouped("fuzz") | grouped("mutation") | grouped("oracles")
    assert undeclared("tests", declared() | declared("dev") | groups) == {}
