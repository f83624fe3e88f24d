"""Reads the lock files: what each line pins."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RUN_TIME = "requirements.lock"
DEVELOPMENT = "tests/requirements.lock"
FUZZING = "tests/fuzz/requirements.lock"
MUTATION = "tests/mutation/requirements.lock"
ORACLES = "tests/oracles/requirements.lock"

_PIN = re.compile(r"^(?P<name>[a-z0-9-]+)(?:\[[a-z,]+\])?==(?P<version>[^ ;]+)")


def text_of(lock: str) -> str:
    return (ROOT / lock).read_text(encoding="utf-8")


def requirements(lock: str) -> list[str]:
    """Each requirement on one line, its options behind it; comments left out."""
    lines = [line for line in text_of(lock).splitlines() if not line.lstrip().startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def pins(lock: str) -> dict[str, str]:
    """Version by normalised name."""
    found = {}
    for line in requirements(lock):
        match = _PIN.match(line)
        if match is None:
            raise ValueError(f"{lock}: not a pinned requirement: {line}")
        found[match["name"]] = match["version"]
    return found


def declared(extra: str | None = None) -> set[str]:
    """Names of the dependencies that pyproject.toml asks for, normalised as PEP 503 says."""
    project: dict[str, Any] = tomllib.loads(text_of("pyproject.toml"))["project"]
    return _names(project["optional-dependencies"][extra] if extra else project["dependencies"])


def grouped(group: str) -> set[str]:
    """Names of the dependencies in a group (PEP 735): no part of the package."""
    return _names(tomllib.loads(text_of("pyproject.toml"))["dependency-groups"][group])


def _names(lines: list[str]) -> set[str]:
    names = [re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0] for line in lines]
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}
