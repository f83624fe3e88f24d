"""Renders ``deploy/kubernetes`` where neither kustomize nor kubectl is installed.

Knows what these manifests use and no more: resources, components, strategic merge patches by name
or by target, ``configMapGenerator`` from files, and ``namespace``. Anything else in a
kustomization is an error, so that it can't be passed over in silence. Where the real tool is
there, ``test_kubernetes.py`` holds this rendering against it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

MANIFESTS = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
ROOTS = ("base", "overlays/sidecar", "overlays/ingress", "overlays/merchant")

KNOWN = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "components",
    "patches",
    "configMapGenerator",
}
# Kubernetes API conventions, strategic merge patch: how the entries of a list are told apart.
MERGE_KEYS = {
    "containers": "name",
    "volumes": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
}


class KustomizationError(Exception):
    """A kustomization that names what is not there, or what this renderer does not know."""


def render(folder: Path) -> list[Object]:
    """The objects that ``kubectl apply -k folder`` would send, generated names included."""
    return _build(folder.resolve(), [])


def real_tool() -> list[str] | None:
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    return None


def render_with(tool: list[str], folder: Path) -> list[Object]:
    done = subprocess.run(  # noqa: S603  # one of the two commands of real_tool()
        [*tool, str(folder)], check=True, capture_output=True, text=True, timeout=60
    )
    return [item for item in yaml.safe_load_all(done.stdout) if item is not None]


def _build(folder: Path, inherited: list[Object]) -> list[Object]:
    spec = _load_one(folder / "kustomization.yaml")
    unknown = sorted(set(spec) - KNOWN)
    if unknown:
        raise KustomizationError(f"{folder.name}/kustomization.yaml: {', '.join(unknown)}")
    objects = inherited
    for name in spec.get("resources", []):
        path = (folder / name).resolve()
        objects += _build(path, []) if path.is_dir() else _load_all(path)
    generated = [_config_map(folder, entry) for entry in spec.get("configMapGenerator", [])]
    objects += generated
    for name in spec.get("components", []):
        objects = _build((folder / name).resolve(), objects)
    for patch in spec.get("patches", []):
        _apply(folder, patch, objects)
    if "namespace" in spec:
        for item in objects:
            item["metadata"]["namespace"] = spec["namespace"]
    for config_map in generated:
        _give_hashed_name(config_map, objects)
    _refuse_doubles(objects)
    return objects


def _load_all(path: Path) -> list[Object]:
    if not path.is_file():
        raise KustomizationError(f"{path.parent.name}/{path.name} is not there")
    with path.open(encoding="utf-8") as stream:
        return [item for item in yaml.safe_load_all(stream) if item is not None]


def _load_one(path: Path) -> Object:
    items = _load_all(path)
    if len(items) != 1:
        raise KustomizationError(f"{path.parent.name}/{path.name}: one document is expected")
    return items[0]


def _config_map(folder: Path, entry: Object) -> Object:
    data = {name: (folder / name).read_text(encoding="utf-8") for name in entry["files"]}
    metadata = {"name": entry["name"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _give_hashed_name(config_map: Object, objects: list[Object]) -> None:
    """A changed file makes a new name, and so a rolling update of the pods that mount it."""
    name = _name(config_map)
    digest = hashlib.sha256(json.dumps(config_map["data"]).encode()).hexdigest()[:10]
    config_map["metadata"]["name"] = f"{name}-{digest}"
    for item in objects:
        for volume in _pod(item).get("volumes", []):
            if volume.get("configMap", {}).get("name") == name:
                volume["configMap"]["name"] = f"{name}-{digest}"


def _pod(item: Object) -> Object:
    pod: Object = item.get("spec", {}).get("template", {}).get("spec", {})
    return pod


def _apply(folder: Path, entry: Object, objects: list[Object]) -> None:
    patch = _load_one(folder / entry["path"])
    targets = [item for item in objects if _is_target(item, entry.get("target"), patch)]
    if not targets:
        raise KustomizationError(f"{folder.name}/{entry['path']}: nothing to patch")
    for item in targets:
        change = deepcopy(patch)
        change["metadata"] = {
            key: value for key, value in change["metadata"].items() if key != "name"
        }
        _merge(item, change)


def _is_target(item: Object, target: Object | None, patch: Object) -> bool:
    if target is None:
        return bool(item["kind"] == patch["kind"] and _name(item) == _name(patch))
    key, _, value = target["labelSelector"].partition("=")
    labels = item["metadata"].get("labels", {})
    return bool(item["kind"] == target["kind"] and labels.get(key) == value)


def _name(item: Object) -> str:
    name: str = item["metadata"]["name"]
    return name


def _merge(into: Object, change: Object) -> None:
    for key, value in change.items():
        if key.startswith("$"):
            raise KustomizationError(f"the patch directive {key}")
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif key in MERGE_KEYS and isinstance(into.get(key), list):
            _merge_list(into[key], value, MERGE_KEYS[key])
        else:
            into[key] = value


def _merge_list(into: list[Object], changes: list[Object], merge_key: str) -> None:
    for change in changes:
        same = [entry for entry in into if entry[merge_key] == change[merge_key]]
        if same:
            _merge(same[0], change)
        else:
            into.append(change)


def _refuse_doubles(objects: list[Object]) -> None:
    seen: set[tuple[str, str]] = set()
    for item in objects:
        identity = (item["kind"], _name(item))
        if identity in seen:
            raise KustomizationError(f"{identity[0]} {identity[1]} is there twice")
        seen.add(identity)


def main() -> int:
    """Say which renderer this machine has, and that every root renders."""
    tool = real_tool()
    means = f"`{' '.join(tool)}`" if tool else "tests/project/kustomize.py alone (no kustomize)"
    for root in ROOTS:
        try:
            count = len(render_with(tool, MANIFESTS / root) if tool else render(MANIFESTS / root))
        except KustomizationError as wrong:
            print(f"deploy/kubernetes/{root}: {wrong}", file=sys.stderr)  # noqa: T201  # a command
            return 1
        except subprocess.CalledProcessError as wrong:
            print(f"deploy/kubernetes/{root}: {wrong.stderr}", file=sys.stderr)  # noqa: T201  # same
            return 1
        print(f"   deploy/kubernetes/{root}: {count} objects, by {means}")  # noqa: T201  # same
    return 0


if __name__ == "__main__":
    sys.exit(main())
