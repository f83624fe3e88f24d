"""The schema as data: which sections and settings there are, without any values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args, get_origin

from connector.settings.base import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


class Setting(NamedTuple):
    """One key of the configuration that holds a value, a list or free keys, not a section."""

    path: tuple[str, ...]
    field: FieldInfo


def section_in(annotation: object) -> type[Section] | None:
    """Return the section that an annotation holds: itself, optional, or as a list's element."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    for argument in get_args(annotation):
        found = section_in(argument)
        if found is not None:
            return found
    return None


def is_list(annotation: object) -> bool:
    """Tell whether an annotation holds a list."""
    return get_origin(annotation) is tuple or any(map(is_list, get_args(annotation)))


def settings_of(section: type[Section], above: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield every setting of a section and of the sections in it; a list is one setting."""
    for name, field in section.model_fields.items():
        inner = section_in(field.annotation)
        if inner is None or is_list(field.annotation):
            yield Setting((*above, name), field)
        else:
            yield from settings_of(inner, (*above, name))


def show_path(path: tuple[str | int, ...]) -> str:
    """Write a path as users do: ``merchants[0].upstream.url``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text
