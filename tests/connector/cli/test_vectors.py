from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from connector.cli.main import main
from connector.diagnosis.generator.files import TOPICS

VECTORS = Path(__file__).parents[3] / "vectors"
TIMES = VECTORS / "times.json"


def _spoiled(tmp_path: Path) -> Path:
    """Write a file whose first case expects the wrong thing."""
    document = json.loads(TIMES.read_bytes())
    document["cases"][0]["expect"] = {"decision": "reject", "code": "key_not_found"}
    path = tmp_path / "spoiled.json"
    path.write_text(json.dumps(document))
    return path


def test_good_files_end_with_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vectors", "run", str(TIMES)]) == 0
    lines = capsys.readouterr().out.splitlines()

    cases = len(TOPICS["times.json"].cases)
    assert lines[0] == str(TIMES)
    assert lines[-1] == f"{cases} of {cases} cases as expected"
    assert len(lines) == cases + 2


def test_a_wrong_expectation_fails_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junit = tmp_path / "report.xml"
    argv = ["vectors", "run", str(_spoiled(tmp_path)), str(TIMES), "--json", "--junit", str(junit)]

    assert main(argv) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["good"] == document["total"] - 1
    assert document["cases"][0]["problem"] == "accepted"
    root = ET.parse(junit).getroot()  # noqa: S314 - written just now
    assert [suite.get("failures") for suite in root] == ["1", "0"]


def test_a_folder_stands_for_its_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vectors", "list", str(VECTORS)]) == 0
    out = capsys.readouterr().out

    assert all(f"{VECTORS / name}: {topic.title}\n" in out for name, topic in TOPICS.items())
    assert "  time-future: signature_invalid (created_in_future); Created" in out


def test_generate_writes_the_files_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new"

    assert main(["vectors", "generate", str(folder)]) == 0
    assert capsys.readouterr().out.count(", written") == len(TOPICS)
    assert main(["vectors", "generate", str(folder)]) == 0
    assert capsys.readouterr().out.count(", unchanged") == len(TOPICS)
    assert (folder / "times.json").read_bytes() == TIMES.read_bytes()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ('{"format": "other"}', "format is not"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    content: str | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)

    assert main(["vectors", "run", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err


def test_settings_that_no_merchant_can_have_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(TIMES.read_bytes())
    document["cases"][0]["settings"] = {"versions": 1}
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document))

    assert main(["vectors", "run", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_empty_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vectors", "run", str(tmp_path)]) == 2
    assert "no vector files" in capsys.readouterr().err
