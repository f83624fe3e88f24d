"""docs/platforms.md shows what the command really prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connector.cli.main import main

if TYPE_CHECKING:
    import pytest

PAGE: Final = (Path(__file__).parents[3] / "docs" / "platforms.md").read_text(encoding="utf-8")
FOLDER: Final = "/etc/connector"


def test_the_run_on_the_page_is_what_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "platforms").mkdir()
    for name, text in re.findall(
        r"^`/etc/connector/(\S+)`:\n\n```yaml\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE
    ):
        (tmp_path / name).write_text(text)
    (run,) = re.findall(r"^```console\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    first, *shown = run.splitlines()
    command, _, search = first.removeprefix("$ ").partition(" | ")
    program, *arguments = shlex.split(command.replace(FOLDER, str(tmp_path)))
    assert program == "ucp-connector"
    assert main(arguments) == 0
    wanted = [each for each in shlex.split(search)[1:] if each != "-e"]
    printed = capsys.readouterr().out.replace(str(tmp_path), FOLDER).splitlines()
    # The column of paths is the last one, so the others are as wide on the page.
    assert [line for line in printed if any(each in line for each in wanted)] == shown
