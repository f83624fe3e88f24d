"""Where the public conformance data is, beside the project; tests that need it skip without it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def load(name: str) -> Any:
    """Parse one file; the module that asks is skipped where the file is absent."""
    path = _FOLDER / name
    if not path.is_file():
        pytest.skip(f"the vectors are not there: ../shared/vectors/{name}", allow_module_level=True)
    return json.loads(path.read_text(), parse_float=Decimal)


def load_all(folder: str) -> dict[str, Any]:
    """Parse every JSON file of a folder, by name; skips as :func:`load` does."""
    paths = sorted((_FOLDER / folder).glob("*.json"))
    if not paths:
        pytest.skip(
            f"the vectors are not there: ../shared/vectors/{folder}", allow_module_level=True
        )
    return {path.stem: load(f"{folder}/{path.name}") for path in paths}
