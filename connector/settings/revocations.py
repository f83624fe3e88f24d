"""Revoked keys, read on their own: whatever else is wrong with a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from connector.settings.environment import apply, read_environment
from connector.settings.files import read_mapping
from connector.settings.gateway import Discovery
from connector.settings.loading import MAX_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def revoked_in(path: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the thumbprints in a configuration's ``discovery.revoked`` that are well formed.

    Of the file nothing else is judged. Raises ConfigurationError where it is no mapping in YAML.
    """
    document = apply(read_environment(environ), read_mapping(path, MAX_FILE, "sections"))
    section = document.get("discovery")
    listed = section.get("revoked") if isinstance(section, dict) else None
    return tuple(_good(listed)) if isinstance(listed, (list, tuple)) else ()


def _good(listed: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    for each in listed:
        try:
            yield from Discovery.model_validate({"revoked": [each]}).revoked
        except ValidationError:
            # Told by whoever reads the whole file; one typing mistake revokes the others no less.
            continue
