from __future__ import annotations

from typing import TYPE_CHECKING

from connector.settings.inert import INERT, inert_settings
from connector.settings.schema import Settings
from connector.settings.shape import is_list, section_in
from tests.connector.settings.documents import KEY, PLATFORM, merchant, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.settings.base import Section


def _patterns(section: type[Section], above: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield above + name
        inner = section_in(field.annotation)
        if inner is not None:
            brackets = "[]" if is_list(field.annotation) else ""
            yield from _patterns(inner, f"{above}{name}{brackets}.")


def test_the_table_names_only_settings_that_there_are() -> None:
    assert set(_patterns(Settings)) >= INERT


def test_nothing_is_named_where_nothing_was_set() -> None:
    assert inert_settings(settings()) == []


def test_a_setting_written_with_its_default_is_not_named() -> None:
    made = settings(
        store={"timeout": "250ms", "wait_replicas": 0},
        merchants=[merchant(responses={"sign": True}, endpoints={"mcp": "/ucp/mcp"})],
    )
    assert inert_settings(made) == []


def test_settings_without_effect_are_named_with_their_place() -> None:
    platform = {
        **PLATFORM,
        "keys": [KEY],
        "version": "2026-08-25",
        "freshness": {"required": True, "nonce": True},
        "rates": {"reads": "1/s"},
    }
    made = settings(
        listen={"workers": 4, "port": 1},
        store={"timeout": "1s", "idempotency_ttl": "24h"},
        rates={"reads": "1/s", "per_peer": "1/s"},
        tiers={"discovered": {"rates": {"total": "9/s"}, "coverage": "target-uri"}},
        merchants=[
            merchant(),
            merchant(
                id="b",
                authorities=["b.example"],
                endpoints={"mcp": "/mcp"},
                platforms={"registered": [platform], "directory": "platforms"},
                validation={"requests": "report"},
                enforcement={"signatures": "insecure_observe", "rates": "observe"},
                path_ids="encoded",
            ),
        ],
    )
    known_without_effect = {
        "listen.workers",
    }
    assert set(inert_settings(made)) == known_without_effect
