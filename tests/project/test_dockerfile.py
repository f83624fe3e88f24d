"""What the Dockerfile says. Nothing here builds it: that takes a container engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Instruction(NamedTuple):
    word: str
    rest: str


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, its FROM first."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    found: list[list[Instruction]] = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append(Instruction(word, rest.strip()))
    return found


def last(word: str) -> str:
    return [step.rest for step in stages()[-1] if step.word == word][-1]


def sources(step: Instruction) -> list[str]:
    return [name for name in step.rest.split()[:-1] if not name.startswith("--")]


def test_the_image_that_runs_is_not_the_one_that_builds() -> None:
    build, run = stages()
    assert build[0].rest == "python:3.13-slim AS build"
    assert run[0].rest == "python:3.13-slim"
    assert "RUN" not in {step.word for step in run}


def test_it_runs_as_the_numeric_user_of_the_kubernetes_manifests() -> None:
    assert last("USER") == "10001:10001"


def test_every_source_exists_and_reaches_the_build() -> None:
    copied = [
        name for step in stages()[0] if step.word in ("COPY", "ADD") for name in sources(step)
    ]
    kept = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert sorted(copied) == sorted(kept)


def test_every_download_is_checked_against_its_hash() -> None:
    text = " ".join(step.rest for step in stages()[0] if step.word == "RUN")
    installs = [part for part in text.split("&&") if "pip" in part and " install " in part]
    unchecked = [part for part in installs if "--require-hashes" not in part]
    assert "-r requirements.lock" in installs[0]
    assert [part for part in unchecked if "--no-index" not in part] == []
    assert "--no-build-isolation" in text


def test_what_builds_and_compiles_is_in_the_lock_that_is_installed_for_it() -> None:
    text = " ".join(step.rest for step in stages()[0] if step.word == "RUN")
    assert "-r tests/requirements.lock" in text
    assert "UCP_CONNECTOR_COMPILE=1 python -m pip wheel" in text
    locked = (ROOT / "tests" / "requirements.lock").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0] for line in locked.splitlines() if "==" in line}
    assert {"setuptools", "mypy"} <= pinned


def test_it_starts_the_gateway_without_a_shell() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["ucp-connector"]
    assert json.loads(last("CMD")) == ["serve", "-c", "/etc/ucp-connector/connector.yaml"]


def test_it_asks_the_admin_port_for_its_health() -> None:
    command = json.loads(last("HEALTHCHECK").partition("CMD")[2])
    assert command[:2] == ["python", "-c"]
    assert "http://127.0.0.1:9090/livez" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_it_names_both_ports_and_the_folder_it_writes_to() -> None:
    assert last("EXPOSE").split() == ["8080", "9090"]
    assert last("VOLUME") == "/var/lib/ucp-connector"
    owned = [step.rest for step in stages()[-1] if "--chown=10001:10001" in step.rest]
    assert owned == ["--from=build --chown=10001:10001 /state /var/lib/ucp-connector"]
