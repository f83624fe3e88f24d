"""The reference of every setting, written from the schema.

``python -m connector.settings.reference [FILE]`` writes it, by default to docs/configuration.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from connector.settings.base import Section
from connector.settings.environment import variable_for
from connector.settings.fields import Kind
from connector.settings.inert import INERT
from connector.settings.schema import Settings
from connector.settings.shape import is_list, section_in
from connector.settings.units import Rate, format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic.fields import FieldInfo

TARGET: Final = Path("docs/configuration.md")

_INTRODUCTION: Final = f"""\
# Configuration

<!-- Written by `python -m connector.settings.reference`; change the schema, not this page. -->

`ucp-connector serve -c FILE` reads one YAML file. Only `merchants` has to be in it. A commented
example is [deploy/connector.example.yaml](../deploy/connector.example.yaml); `ucp-connector
check-config -c FILE` tells what is wrong with a file, one line for each problem.

- Unknown keys, repeated keys and values of the wrong kind are errors. A key without a value is as
  good as absent.
- Only `true` and `false` are booleans. `yes`, `off` and dates are text.
- A duration is a whole number with `ms`, `s`, `m`, `h` or `d`; a size is a number of bytes or one
  with `KiB`, `MiB` or `GiB`; a rate is `N/s`, `N/m` or `N/h`, with ` burst B` behind it where more
  or less than N may come at once.
- Relative paths start from the file's folder.
- Every setting outside lists can be given by a variable of the environment, which wins over the
  file: `{variable_for(("listen", "port"))}=8081`. Lists are written as in YAML:
  `{variable_for(("trusted_proxies",))}='[10.0.0.0/8]'`.
- Secrets are best given that way. No error and no log line repeats one.
- Settings that begin with `insecure_`, and values that do, are unsafe.
- A gateway that runs follows `merchants[].platforms`, `discovery.revoked` and key files within a
  second, and at once on SIGHUP; what else changed waits for a restart
  ([platforms.md](platforms.md)).
- What says *(no effect yet)* is loaded and checked, and nothing follows it so far. `serve` warns of
  what it finds of that kind.
"""


def reference() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION, *_section(Settings, "", "The top level")]
    return "\n".join(parts)


def _section(section: type[Section], path: str, title: str) -> Iterator[str]:
    """Write a section's settings as one table, then the sections in it."""
    rows: list[str] = []
    below: list[tuple[str, type[Section]]] = []
    for name, field in section.model_fields.items():
        here = f"{path}{name}"
        inner = section_in(field.annotation)
        if inner is not None:
            below.append((f"{here}[]" if is_list(field.annotation) else here, inner))
        if inner is None or is_list(field.annotation) or not _is_plain_section(field):
            meaning = _meaning(field, inner) + (" *(no effect yet)*" if _is_inert(here) else "")
            rows.append(f"| `{name}` | {_kind(field)} | {_default(field)} | {meaning} |")
    if title:
        yield f"## {title}\n"
    else:
        yield f"## `{path.removesuffix('.')}`\n"
        yield f"{_one_line(section.__doc__)}\n"
    if rows:
        yield "| setting | kind | default | meaning |\n|---|---|---|---|"
        yield "\n".join(rows) + "\n"
    for here, inner in below:
        yield from _section(inner, f"{here}.", "")


def _is_inert(path: str) -> bool:
    """Tell whether nothing follows a setting yet, by itself or with all of its section."""
    parts = path.split(".")
    return any(".".join(parts[: end + 1]) in INERT for end in range(len(parts)))


def _is_plain_section(field: FieldInfo) -> bool:
    """Tell a section that is always there from one that replaces another."""
    return isinstance(field.default, Section) or field.is_required()


def _kind(field: FieldInfo) -> str:
    inner = section_in(field.annotation)
    if inner is not None:
        return "list of sections" if is_list(field.annotation) else "section"
    named = [each.name for each in field.metadata if isinstance(each, Kind)]
    return named[-1] if named else _kind_of(field.annotation)


def _kind_of(annotation: Any) -> str:
    """Name the kind of an annotation; optional ones are named like what they hold."""
    kinds = [
        each.name for each in getattr(annotation, "__metadata__", ()) if isinstance(each, Kind)
    ]
    if kinds:
        return str(kinds[-1])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list: {_kind_of(arguments[0])}"
    if origin is dict:
        return f"mapping: {_kind_of(arguments[0])} to {_kind_of(arguments[1])}"
    inner = [each for each in arguments if each is not type(None)]
    if not inner:
        raise TypeError(f"{annotation} has no Kind")
    return _kind_of(inner[0])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return ""
    kind = _kind(field)
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, SecretStr):
        text = value.get_secret_value()
    elif kind == "duration":
        text = format_duration(value)
    elif kind == "size":
        text = format_size(value)
    elif isinstance(value, Path):
        text = f"./{value}"
    elif isinstance(value, (tuple, dict)) and not isinstance(value, Rate):
        text = "[" + ", ".join(map(str, value)) + "]" if isinstance(value, tuple) else "{}"
    else:
        text = str(value)
    return f"`{text}`"


def _meaning(field: FieldInfo, inner: type[Section] | None) -> str:
    return _one_line(field.description or (inner.__doc__ if inner else None)).replace("|", "\\|")


def _one_line(text: str | None) -> str:
    if not text:
        raise TypeError("a setting has no docstring")
    return " ".join(text.split())


def main(arguments: Sequence[str]) -> None:
    """Write the page to the file that is named, or to its place in a checkout."""
    target = Path(arguments[0]) if arguments else TARGET
    target.write_text(reference(), encoding="utf-8")
    sys.stdout.write(f"{target} is written\n")


if __name__ == "__main__":
    main(sys.argv[1:])
