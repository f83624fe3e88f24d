"""What pydantic found, in words for whoever wrote the configuration.

Only the place and the kind of a problem are used, never pydantic's ``input``: it could be a
secret. What a message says about a value comes from the kinds in :mod:`connector.settings.fields`.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from connector.settings.schema import Settings
from connector.settings.shape import section_in

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from connector.settings.base import Section

Path = tuple[str | int, ...]

_TEXTS: Final = {
    "missing": "is missing",
    "bool_type": "is neither true nor false",
    "int_type": "is not a whole number",
    "string_type": "is not text; put it into quotes",
    "string_sub_type": "is not text; put it into quotes",
    "string_too_short": "is empty",
    "tuple_type": "is not a list",
    "dict_type": "is not a mapping",
    "model_type": "is not a mapping of settings",
}
_MAX_KEY: Final = 60


def describe(error: ValidationError, model: type[Section] = Settings) -> list[tuple[Path, str]]:
    """Return the place of each problem in a ``model`` and a text of one line."""
    details = error.errors(include_url=False, include_input=False)
    return [(_place(detail["loc"]), _text(detail, model)) for detail in details]


def unknown_key(key: str, known: list[str]) -> str:
    """Return the text about a key that is not known, with the nearest one that is."""
    near = get_close_matches(key.lower(), known, n=1)
    return f"unknown key; did you mean {near[0]}?" if near else "unknown key"


def _text(detail: ErrorDetails, model: type[Section]) -> str:
    kind = detail["type"]
    context: dict[str, Any] = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(str(detail["loc"][-1]), _known_beside(detail["loc"], model))
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"is none of {str(context['expected']).replace(chr(39), '')}"
    if kind == "greater_than_equal":
        return f"is less than {context['ge']}"
    if kind == "less_than_equal":
        return f"is more than {context['le']}"
    return _TEXTS.get(kind, detail["msg"])


def _place(location: Path) -> Path:
    return tuple(
        step[:_MAX_KEY] if isinstance(step, str) else step for step in location if step != "[key]"
    )


def _known_beside(location: Path, section: type[Section]) -> list[str]:
    """Name the keys of the section that an unknown one stands in."""
    for step in location[:-1]:
        if isinstance(step, str) and step in section.model_fields:
            section = section_in(section.model_fields[step].annotation) or section
    return list(section.model_fields)
