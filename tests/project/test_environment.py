"""When `.venv` is built, when it is left alone, and what is said when it can't be built."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "environment.py"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, about a project in a folder of its own."""
    spec = importlib.util.spec_from_file_location("environment_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "requirements.lock").write_text("a==1 --hash=x\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "LOCK", tmp_path / "tests" / "requirements.lock")
    monkeypatch.setattr(module, "PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "built-from")
    return module


class Commands:
    """Stands for the commands: notes their names, and makes what `python -m venv` would make."""

    def __init__(self, venv: Path) -> None:
        self.venv = venv
        self.names: list[str] = []
        self.failing = ""

    def run(self, _command: list[str], name: str, **_options: object) -> None:
        self.names.append(name)
        if name == self.failing:
            raise KeyboardInterrupt
        if name == "python -m venv":
            (self.venv / "bin").mkdir(parents=True, exist_ok=True)
            (self.venv / "bin" / "python").touch()
            (self.venv / "built-from").unlink(missing_ok=True)

    def taken(self) -> list[str]:
        names, self.names = self.names, []
        return names


@pytest.fixture
def commands(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Commands:
    recorder = Commands(environment.VENV)
    monkeypatch.setattr(environment, "run", recorder.run)
    return recorder


WHOLE = ["python -m venv", "pip install", "pip install -e ."]


def test_it_is_built_once(environment: ModuleType, commands: Commands) -> None:
    assert environment.main() == 0
    assert commands.taken() == WHOLE
    assert environment.main() == 0
    assert commands.taken() == []


def test_another_lock_builds_it_anew(environment: ModuleType, commands: Commands) -> None:
    environment.main()
    commands.taken()
    environment.LOCK.write_text("a==2 --hash=x\n", encoding="utf-8")
    environment.main()
    assert commands.taken() == WHOLE


def test_another_pyproject_installs_the_checkout_again(
    environment: ModuleType, commands: Commands
) -> None:
    environment.main()
    commands.taken()
    environment.PROJECT.write_text("[project]\nname = 'x'\n", encoding="utf-8")
    environment.main()
    assert commands.taken() == ["pip install -e ."]


def test_an_interrupted_build_is_begun_again(environment: ModuleType, commands: Commands) -> None:
    commands.failing = "pip install"
    assert environment.main() == 130
    commands.failing = ""
    commands.taken()
    assert environment.main() == 0
    assert commands.taken() == WHOLE


def without_ensurepip(name: str) -> None:
    assert name == "ensurepip"


def test_debians_incomplete_python_is_completed_by_root(
    environment: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment.importlib.util, "find_spec", without_ensurepip)
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(environment.os, "geteuid", lambda: 0)
    monkeypatch.setattr(environment, "venv_package", lambda: "python3-venv")
    environment.main()
    assert commands.taken() == ["apt-get update", "apt-get install python3-venv", *WHOLE]


@pytest.mark.parametrize(("apt_get", "user"), [("/usr/bin/apt-get", 1000), (None, 0)])
def test_others_are_told_what_to_install_in_one_line(
    environment: ModuleType,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    apt_get: str | None,
    user: int,
) -> None:
    monkeypatch.setattr(environment.importlib.util, "find_spec", without_ensurepip)
    monkeypatch.setattr(environment.shutil, "which", lambda _name: apt_get)
    monkeypatch.setattr(environment.os, "geteuid", lambda: user)
    monkeypatch.setattr(environment, "venv_package", lambda: "python3-venv")
    assert environment.main() == 1
    assert commands.taken() == []
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert "apt-get install python3-venv" in output.err


def test_a_command_that_fails_shows_what_it_said(
    environment: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "import sys; print('downloading'); print('the hash differs'); sys.exit(3)"
    with pytest.raises(environment.SetUpError, match=r"(?s)the hash differs.*pip.*exit code 3"):
        environment.run([sys.executable, "-c", script], "pip install")
    assert capsys.readouterr().out == ""
