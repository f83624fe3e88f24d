"""From a file, the environment or a caller's mapping to settings that can be relied on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from connector.settings.checks import check
from connector.settings.environment import Override, apply, read_environment
from connector.settings.errors import ConfigurationError
from connector.settings.fields import FOLDER
from connector.settings.files import read_mapping, without_nulls
from connector.settings.problems import describe
from connector.settings.schema import Settings
from connector.settings.shape import show_path

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_FILE", "ConfigurationError", "load_settings", "settings_from"]

MAX_FILE: Final = 4 << 20
"""Octets of a configuration file."""


def load_settings(
    path: Path | str | None, environ: Mapping[str, str], *, pipe: bool = True
) -> Settings:
    """Return the settings of a YAML file, or the defaults, with the environment's overrides.

    Relative paths start from the file's folder, without a file from the working directory. A pipe
    is read to its end, unless ``pipe`` says that there is none to wait for. Raises
    ConfigurationError with a line for each problem.
    """
    if path is None:
        return settings_from({}, folder=Path.cwd(), environ=environ, source="configuration")
    document = read_mapping(Path(path), MAX_FILE, "sections", pipe=pipe)
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 - a symbolic link stays where it is
    return settings_from(document, folder=folder, environ=environ, source=str(path))


def settings_from(
    document: Mapping[str, Any],
    *,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    source: str = "configuration",
) -> Settings:
    """Return the settings of a mapping, shaped as the file is; ``source`` begins each problem.

    A key whose value is None is as good as absent. Raises ConfigurationError.
    """
    overrides = read_environment(environ or {})
    given = without_nulls(apply(overrides, dict(document)))
    try:
        settings = Settings.model_validate(given, context={FOLDER: folder})
    except ValidationError as error:
        problems = describe(error)
    else:
        problems = check(settings)
        if not problems:
            return settings
    raise ConfigurationError(_line(path, text, source, overrides) for path, text in problems)


def _line(path: tuple[str | int, ...], text: str, source: str, overrides: list[Override]) -> str:
    for override in overrides:
        depth = len(override.path)
        if path[:depth] == override.path:
            inside = show_path(path[depth:])
            return f"{override.variable}: {inside + ': ' if inside else ''}{text}"
    return f"{source}: {show_path(path)}: {text}"
