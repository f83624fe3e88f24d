from __future__ import annotations

import ast
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.oracles.programs import (
    Oracle,
    OracleError,
    go_oracle,
    node_oracle,
    sumdb_oracle,
    verdicts,
)
from tests.oracles.verdicts import REFUSED, Verdict

HERE = Path(__file__).parent


def program(text: str) -> Oracle:
    return Oracle("test", (sys.executable, "-c", text), {})


def test_a_verdict_is_read_for_each_task() -> None:
    line = '{"verdict": "refused", "reason": "x"}'
    given = f"import sys\nfor _ in sys.stdin: print({line!r})"
    assert program(given).ask([{"a": 1}, {"b": 2}]) == [Verdict(REFUSED, "x")] * 2


def test_a_program_that_answers_too_little_is_an_error() -> None:
    with pytest.raises(OracleError, match="1 verdicts for 2 tasks"):
        verdicts('{"verdict": "refused", "reason": ""}\n', 2)


def test_a_verdict_that_there_is_not_is_an_error() -> None:
    with pytest.raises(OracleError, match="a verdict 'perhaps'"):
        verdicts('{"verdict": "perhaps", "reason": ""}\n', 1)


def test_a_program_that_fails_is_an_error_with_its_last_line() -> None:
    with pytest.raises(OracleError, match="ended with status 3: because"):
        program("import sys; sys.stderr.write('first\\nbecause\\n'); sys.exit(3)").ask([])


def test_a_toolchain_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(OracleError, match=r"^node or npm is not there .*$"):
        node_oracle()
    for make in (go_oracle, sumdb_oracle):
        with pytest.raises(OracleError, match=r"^go is not there .*$"):
            make()


def test_the_python_oracle_shares_no_code_with_the_project() -> None:
    imported = set()
    for path in (HERE / "python").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
            elif isinstance(node, ast.Import):
                imported |= {each.name for each in node.names}
    own = {name for name in imported if name.split(".")[0] in ("canonical", "connector", "tests")}
    assert own == {
        "tests.oracles.python.http_signatures",
        "tests.oracles.python.jose",
        "tests.oracles.python.verdicts",
    }


def test_the_npm_packages_are_pinned_and_no_place_is_named() -> None:
    lock = json.loads((HERE / "node" / "package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((HERE / "node" / "package.json").read_text(encoding="utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert lock["packages"][""]["dependencies"] == wanted["dependencies"]
    for name, version in wanted["dependencies"].items():
        assert packages[f"node_modules/{name}"]["version"] == version
    for package in packages.values():
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package
