"""Settings that load and are checked, but that nothing follows yet.

The gateway says at its start which of them somebody has set. A path leaves this table in the same
change that gives it its effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.settings.base import Section
from connector.settings.shape import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.settings.schema import Settings

INERT: Final = frozenset(
    {
        "listen.workers",
    }
)
"""Settings, and sections with all that is in them."""


def inert_settings(settings: Settings) -> list[str]:
    """Name the settings without effect that were set, and set to other than their default."""
    return list(_changed(settings, "", (), inert=False))


def _changed(
    section: Section, pattern: str, path: tuple[str | int, ...], *, inert: bool
) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        if name not in section.model_fields_set:
            continue
        value = getattr(section, name)
        here = f"{pattern}.{name}" if pattern else name
        there = (*path, name)
        if isinstance(value, Section):
            yield from _changed(value, here, there, inert=inert or here in INERT)
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for index, element in enumerate(value):
                if isinstance(element, Section):
                    yield from _changed(
                        element, f"{here}[]", (*there, index), inert=inert or here in INERT
                    )
        elif (inert or here in INERT) and value != field.default:
            yield show_path(there)
