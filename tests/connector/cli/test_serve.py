from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from connector.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CONFIGURATION = """
listen: {{host: 127.0.0.1, port: {port}}}
admin: {{host: 127.0.0.1, port: 0}}
merchants:
  - id: shop
    authorities: [shop.example.com]
    upstream: {{url: "http://127.0.0.1:8182"}}
"""


def _complaint(capsys: pytest.CaptureFixture[str], path: Path) -> str:
    assert main(["serve", "-c", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_missing_configuration_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "none.yaml: cannot be read: No such file" in _complaint(capsys, tmp_path / "none.yaml")


def test_several_problems_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(CONFIGURATION.format(port=1) + "surplus: 1\nother: 2\n")
    line = _complaint(capsys, path)

    assert "surplus" in line
    assert "other" in line


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = tmp_path / "connector.yaml"
        path.write_text(CONFIGURATION.format(port=port))
        # A process of its own: serving configures the logging of the whole process.
        ended = subprocess.run(  # noqa: S603 - our own interpreter and command
            [sys.executable, "-m", "connector.cli.main", "serve", "-c", str(path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port} (listen): " in ended.stderr
