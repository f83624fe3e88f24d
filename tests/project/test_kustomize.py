"""The renderer that stands in for kustomize, held against kustomize where that is installed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.project.kustomize import (
    MANIFESTS,
    ROOTS,
    KustomizationError,
    Object,
    real_tool,
    render,
    render_with,
)

if TYPE_CHECKING:
    from pathlib import Path


def comparable(objects: list[Object]) -> Object:
    """By kind and name, without the hash in generated names and the order of named entries."""

    def sort(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: sort(entry) for key, entry in value.items()}
        if isinstance(value, list):
            entries = [sort(entry) for entry in value]
            named = all(isinstance(entry, dict) and "name" in entry for entry in entries)
            return sorted(entries, key=lambda entry: str(entry["name"])) if named else entries
        return value

    text = re.sub(r'"ucp-connector-[a-z0-9]{10}"', '"ucp-connector-HASH"', json.dumps(objects))
    return {f"{item['kind']}/{item['metadata']['name']}": sort(item) for item in json.loads(text)}


@pytest.mark.parametrize("root", ROOTS)
def test_our_rendering_is_what_kustomize_renders(root: str) -> None:
    tool = real_tool()
    if tool is None:
        pytest.skip("neither kustomize nor kubectl is installed here")
    assert comparable(render(MANIFESTS / root)) == comparable(render_with(tool, MANIFESTS / root))


def test_every_manifest_belongs_to_something_that_is_rendered() -> None:
    named: set[Path] = set()
    for path in MANIFESTS.rglob("kustomization.yaml"):
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        files = [
            *spec.get("resources", []),
            *(patch["path"] for patch in spec.get("patches", [])),
            *(name for entry in spec.get("configMapGenerator", []) for name in entry["files"]),
        ]
        named |= {path, *((path.parent / name).resolve() for name in files)}
    assert set(MANIFESTS.rglob("*.yaml")) <= named


def kustomization(folder: Path, text: str) -> Path:
    (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "text",
    [
        "resources: [absent.yaml]",
        "namePrefix: x-",
        "patches: [{path: patch.yaml}]",
    ],
    ids=["an absent file", "an unknown field", "a patch without a target"],
)
def test_the_renderer_refuses(tmp_path: Path, text: str) -> None:
    (tmp_path / "patch.yaml").write_text("{kind: Service, metadata: {name: x}}", encoding="utf-8")
    with pytest.raises(KustomizationError):
        render(kustomization(tmp_path, text))
