"""What is wrong with a body: where, and which rule it breaks. The value itself is never said."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container

Path = tuple[str | int, ...]
"""Names and indices from the outermost value to the one that is meant."""

MAX_PROBLEMS: Final = 10
"""So many are told of one body."""

_MAX_NAME: Final = 64
_MAX_PATH: Final = 256
_CUT: Final = "..."
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Problem(NamedTuple):
    """One thing that is wrong; ``rule`` is a word of docs/validation.md."""

    path: Path
    rule: str


def json_path(path: Path, known: Container[str] | None = None) -> str:
    """Render a path as JSONPath (RFC 9535): ASCII, at most 256 characters.

    Names are the caller's own text. A long name is cut, and the path ends there with three points.
    With ``known``, any other name is ``[*]``: for logs, where no part of a body stands.
    """
    text = "$"
    for step in path:
        if isinstance(step, int):
            part = f"[{step}]"
        elif known is not None and step not in known:
            part = "[*]"
        elif _PLAIN.fullmatch(step) is not None:
            part = f".{step}"
        else:
            part = f"[{json.dumps(step[:_MAX_NAME])}]"
        if len(text) + len(part) > _MAX_PATH - len(_CUT):
            return text + _CUT
        text += part
        if isinstance(step, str) and len(step) > _MAX_NAME and part != "[*]":
            return text + _CUT
    return text
