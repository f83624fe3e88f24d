"""The README's checker finds what is wrong, and accepts what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project.check_readme import commands, problems

MAKEFILE = "run: venv ## Start\n\t@demo $(if $(ONCE),--once)\ntest: venv\nBIN := x\n"
HELP = {
    "demo": "usage: ucp-connector demo [-h] [--once] [--upstream URL]",
    "serve": "usage: ucp-connector serve [-h] -c FILE",
    "vectors run": "usage: ucp-connector vectors run [-h] [--json] PATH [PATH ...]",
}


def help_of(words: list[str]) -> str | None:
    return HELP.get(" ".join(words[:2])) or HELP.get(" ".join(words[:1]))


def block(text: str) -> str:
    return f"# Title\n\n```sh\n{text}\n```\n"


def found(text: str, root: Path = Path("/nonexistent")) -> list[str]:
    return list(problems(text, MAKEFILE, help_of, root))


@pytest.mark.parametrize(
    "text",
    [
        "make run",
        "make run ONCE=1   # ends after the table",
        "make -j2 run test",
        "$ make test",
        "cd x && make test | tee log",
        "ucp-connector serve -c connector.yaml",
        "LEVEL=1 .venv/bin/ucp-connector demo \\\n  --once --upstream=http://127.0.0.1:8000",
        'curl -d "$(ucp-connector vectors run --json all.json)" http://127.0.0.1:8080/',
        "cat > a.yaml <<'END'\nucp-connector bogus\nEND\nmake run",
    ],
)
def test_what_is_there_is_accepted(text: str) -> None:
    assert found(block(text)) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("make deploy", "deploy"),
        ("make BIN", "BIN"),
        ("make run TWICE=1", "TWICE"),
        ("cd x; make deploy", "deploy"),
        ("ucp-connector bogus", "bogus"),
        ("ucp-connector serve --config x", "--config"),
        ("ucp-connector serve -d x", "-d"),
        ('eval "$(ucp-connector bogus)"', "bogus"),
        ("ucp-connector serve \\\n  --loud", "--loud"),
    ],
)
def test_what_is_not_there_is_named(text: str, named: str) -> None:
    (problem,) = found(block(text))
    assert named in problem


def test_a_block_in_a_list_is_read_too() -> None:
    assert list(commands("1. Run\n\n   ```sh\n   make run\n   ```\n")) == [["make", "run"]]


def test_other_blocks_are_not_commands() -> None:
    assert list(commands("```yaml\nmake: deploy\n```\n\n    make deploy\n")) == []


def test_a_readme_without_commands_is_a_problem() -> None:
    assert len(found("# Title\n")) == 1


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    text = block("make run") + "[a](there.md#part) [b](gone.md) [c](https://example.com/x) [d](#e)"
    assert found(text, tmp_path) == ["the link gone.md leads nowhere"]
