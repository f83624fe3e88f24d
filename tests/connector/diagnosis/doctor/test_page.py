"""docs/doctor.md shows what the command really prints, and lists the rules that it knows."""

from __future__ import annotations

import re
import shlex
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from connector.cli.main import main
from tests.connector.diagnosis.doctor.test_rules import ALL

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[4] / "docs" / "doctor.md").read_text(encoding="utf-8")
RUN = re.compile(r"^```console\n\$ ucp-connector (.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^`\.well-known/ucp`:\n\n```json\n(.*?)^```", re.MULTILINE | re.DOTALL)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_page_shows_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        # As long as the one on the page, so that the document is as large.
        page = PAGE.replace("18765", f"{server.server_port:05}")
        ((line, output),) = RUN.findall(page)
        (document,) = FILE.findall(page)
        (tmp_path / ".well-known").mkdir()
        (tmp_path / ".well-known" / "ucp").write_text(document, encoding="utf-8")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert main(shlex.split(line)) == 1
        finally:
            server.shutdown()
            thread.join()
    assert capsys.readouterr().out == output


def test_the_page_lists_every_rule() -> None:
    assert set(re.findall(r"^\| \w* ?\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == ALL
