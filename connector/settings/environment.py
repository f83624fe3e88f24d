"""Settings from the environment: ``UCP_CONNECTOR__LISTEN__PORT=8081``."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args, get_origin

from connector.settings.documents import read_document
from connector.settings.errors import ConfigurationError
from connector.settings.schema import Settings
from connector.settings.shape import settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "UCP_CONNECTOR__"


class Override(NamedTuple):
    """A setting that a variable gives, and the variable's name for whoever has to correct it."""

    path: tuple[str, ...]
    value: Any
    variable: str


def variable_for(path: tuple[str, ...]) -> str:
    """Name the variable of a setting."""
    return PREFIX + "__".join(path).upper()


def read_environment(environ: Mapping[str, str]) -> list[Override]:
    """Return what the variables with our prefix set.

    Numbers, booleans, lists and mappings are read as YAML, everything else is text as it stands.
    Raises ConfigurationError with a line for each variable that is empty or names no setting.
    """
    known = {variable_for(setting.path): setting for setting in settings_of(Settings)}
    overrides: list[Override] = []
    problems: list[str] = []
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        text = environ[variable]
        setting = known.get(variable)
        if setting is None:
            problems.append(f"{variable}: {_unknown(variable, list(known))}")
        elif not text.strip():
            # Most likely a secret that was not filled in; the default would be less safe.
            problems.append(f"{variable}: is empty; give it a value or remove it")
        else:
            try:
                value = (
                    read_document(text, variable) if _is_yaml(setting.field.annotation) else text
                )
            except ConfigurationError as error:
                problems += error.problems
            else:
                overrides.append(Override(setting.path, value, variable))
    if problems:
        raise ConfigurationError(problems)
    return overrides


def apply(overrides: list[Override], document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the overrides in it; the given one stays as it is."""
    changed = dict(document)
    for override in overrides:
        section = changed
        for name in override.path[:-1]:
            inner = section.get(name)
            if inner is not None and not isinstance(inner, dict):
                break  # the file is wrong there, and the schema will say so
            section[name] = section = dict(inner or {})
        else:
            section[override.path[-1]] = override.value
    return changed


def _is_yaml(annotation: object) -> bool:
    if annotation in {bool, int} or get_origin(annotation) in {tuple, dict}:
        return True
    return any(map(_is_yaml, get_args(annotation)))


def _unknown(variable: str, known: list[str]) -> str:
    if variable.upper() in known:
        return f"no setting has this name; write it in capitals: {variable.upper()}"
    near = get_close_matches(variable.upper(), known, n=1)
    return (
        f"no setting has this name; did you mean {near[0]}?"
        if near
        else ("no setting has this name; settings inside lists cannot be set by variables")
    )
