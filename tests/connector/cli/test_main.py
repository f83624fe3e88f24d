from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from connector.cli import main as entry
from connector.cli.failure import CommandError
from connector.cli.main import COMMANDS, main

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


class _Command:
    """A subcommand that does what the test says."""

    def __init__(self, act: Callable[[], int]) -> None:
        self._act = act

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--flag", action="store_true")

    def run(self, arguments: argparse.Namespace) -> int:
        del arguments
        return self._act()


def _raising(error: BaseException) -> Callable[[], int]:
    def act() -> int:
        raise error

    return act


def _main_with(monkeypatch: pytest.MonkeyPatch, act: Callable[[], int]) -> int:
    monkeypatch.setattr(entry, "_load", lambda _: _Command(act))
    return main(["serve"])


def test_a_command_decides_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _main_with(monkeypatch, lambda: 0) == 0
    assert _main_with(monkeypatch, lambda: 1) == 1


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (CommandError("no such thing"), 2, "no such thing"),
        (CommandError("it failed", status=1), 1, "it failed"),
        (CommandError("two\nlines"), 2, "two lines"),
        (FileNotFoundError(2, "No such file", "x.yaml"), 2, "x.yaml: No such file"),
        (PermissionError(13, "Permission denied", "k.json"), 2, "k.json: Permission denied"),
    ],
)
def test_an_error_is_one_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    line: str,
) -> None:
    assert _main_with(monkeypatch, _raising(error)) == status
    assert capsys.readouterr().err == f"ucp-connector: {line}\n"


def test_ctrl_c_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main_with(monkeypatch, _raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("argv", [[], ["no-such-command"], ["sign"], ["vectors"], ["--what"]])
def test_wrong_usage_exits_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())

    assert all(f"{name} {command.summary}" in text for name, command in COMMANDS.items())


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ucp-connector ")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"usage: ucp-connector {name}" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from connector.cli.main import main\n"
        "main(['--help'])\n"
        "heavy = {'cryptography', 'pydantic', 'uvicorn', 'yaml', 'httpcore', 'asyncio'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)\n"
    )
    ended = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ended.stderr == ""
    assert ended.returncode == 0


def test_a_reader_that_goes_away_ends_the_command_quietly() -> None:
    # More than a pipe holds, so that the write fails while the command runs.
    code = (
        "import sys\n"
        "from connector.cli import main as entry\n"
        "class Command:\n"
        "    def configure(self, parser): pass\n"
        "    def run(self, arguments):\n"
        "        for _ in range(100000): sys.stdout.write('x' * 80)\n"
        "        return 0\n"
        "entry._load = lambda name: Command()\n"
        "sys.exit(entry.main(['serve']))\n"
    )
    with subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        stderr = process.stderr.read()
        status = process.wait()

    assert stderr == b""
    assert status == 1
