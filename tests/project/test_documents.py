"""The documents that name versions, dependencies and files name those that are there."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

from tests.project.lockfile import declared, grouped

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_direct_dependency_has_its_line_and_no_other_has() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", read("docs/dependencies.md"), re.MULTILINE)
    names = [re.sub(r"[-_.]+", "-", row.partition("[")[0]).lower() for row in rows]
    groups = grouped("fuzz") | grouped("mutation") | grouped("oracles")
    assert sorted(names) == sorted(declared() | declared("validation") | declared("dev") | groups)


def test_the_licence_is_apache_2_in_full() -> None:
    # The text as the Apache Software Foundation and Debian's base-files publish it.
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_the_change_log_has_a_place_for_what_comes_next() -> None:
    headings = re.findall(r"^## \[?([^\]\n]+)\]?", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_the_image_tag_is_the_version() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert re.findall(r"ucp-connector:(\d+\.\d+\.\d+)", read("Dockerfile")) == [version]
