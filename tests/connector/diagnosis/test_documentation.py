"""docs/explain.md shows what the command really prints, and lists the causes that it knows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connector.cli.main import main
from connector.diagnosis.causes.catalogue import CATALOGUE, GROUPS

if TYPE_CHECKING:
    from connector.diagnosis.causes.cause import Cause

PAGE = (Path(__file__).parents[3] / "docs" / "explain.md").read_text(encoding="utf-8")
FILES = re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
RUNS = re.findall(r"^```console\n\$ ucp-connector (.*?)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("line", "output"), RUNS, ids=[line for line, _ in RUNS])
def test_the_page_shows_what_is_printed(
    line: str,
    output: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in FILES:
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    main(shlex.split(line))

    assert capsys.readouterr().out == output


def test_the_page_shows_a_run_of_each_kind() -> None:
    assert len(RUNS) == 3
    assert {name for name, _ in FILES} == {
        "profile.json",
        "request.http",
        "base.txt",
        "request.sh",
        "record.json",
    }


def test_the_page_lists_every_cause_by_topic() -> None:
    listed = PAGE.partition("## The causes")[2]
    wanted = [
        line
        for title, group in GROUPS.items()
        for line in (f"### {title}", *map(_row, group.values()))
    ]

    assert re.findall(r"^(?:###.*|\| `.*)$", listed, re.MULTILINE) == wanted
    assert f"\n{len(CATALOGUE)} mistakes are known." in listed


def _row(cause: Cause) -> str:
    return f"| `{cause.id}` | {cause.happened} | {cause.repair} | {cause.source} |"
