from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.settings.inert import inert_settings
from connector.settings.loading import load_settings
from connector.settings.reference import TARGET, main, reference
from connector.settings.schema import Settings
from connector.settings.shape import section_in, settings_of

PROJECT = Path(__file__).resolve().parents[3]
_COMMENTED = re.compile(r"( *)# ([a-z_]+: .+)")
EXAMPLE = PROJECT / "deploy" / "connector.example.yaml"


def test_the_reference_in_the_repository_is_up_to_date() -> None:
    written = (PROJECT / TARGET).read_text(encoding="utf-8")
    assert written == reference(), "run: python -m connector.settings.reference"


def test_the_reference_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    main([str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == reference()


def test_the_reference_names_every_setting_with_its_default() -> None:
    page = reference()
    assert "| `timeout` | duration | `250ms` |" in page
    assert "| `authorities` | list: host[:port] | required |" in page
    for setting in settings_of(Settings):
        assert f"| `{setting.path[-1]}` |" in page


def test_the_example_loads_and_sets_nothing_that_has_no_effect() -> None:
    made = load_settings(EXAMPLE, {})
    assert made.merchants[0].id == "flower-shop"
    assert set(inert_settings(made)) <= {"merchants[0].endpoints.mcp"}


def test_the_example_shows_every_setting() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    merchants = Settings.model_fields["merchants"]
    merchant = section_in(merchants.annotation)
    assert merchant is not None
    names = {
        setting.path[-1] for section in (Settings, merchant) for setting in settings_of(section)
    }
    assert {name for name in names if f"{name}:" not in text} == set()


def test_the_example_loads_with_each_commented_setting_in_it(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "connector.yaml"
    tried = 0
    for index, line in enumerate(lines):
        commented = _COMMENTED.fullmatch(line)
        # Left out: secrets without a value, and the one line that repeats the key above it.
        if commented is None or "..." in line or line.startswith("# trusted_proxies"):
            continue
        path.write_text(
            "\n".join([*lines[:index], "".join(commented.groups()), *lines[index + 1 :]])
        )
        load_settings(path, {})
        tried += 1
    assert tried > 40


@pytest.mark.parametrize("overlay", ["sidecar", "ingress"])
def test_the_configurations_for_kubernetes_load(overlay: str) -> None:
    path = PROJECT / "deploy" / "kubernetes" / "overlays" / overlay / "connector.yaml"
    assert load_settings(path, {}).listen.host == "0.0.0.0"  # noqa: S104 - a pod's own address
