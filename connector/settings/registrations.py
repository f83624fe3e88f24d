"""Registrations in files of their own, which stand behind those of the configuration's own list."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import ValidationError

from connector.settings.checks import check
from connector.settings.errors import ConfigurationError
from connector.settings.files import read_mapping, stamp_of, without_nulls
from connector.settings.loading import load_settings
from connector.settings.problems import describe
from connector.settings.shape import show_path
from connector.settings.terms import RegisteredPlatform

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from connector.settings.files import Stamp
    from connector.settings.merchants import Merchant
    from connector.settings.schema import Settings

MAX_FILES: Final = 4096
"""Files of one folder."""
MAX_FILE: Final = 64 << 10
"""Octets of one of them: a registration with thirty-two keys has a tenth of it."""

_SUFFIXES: Final = (".yaml", ".yml")


class Configuration(NamedTuple):
    """A configuration with all its files."""

    settings: Settings
    """The registrations of a merchant's folder stand behind those of its list."""
    files: Mapping[str, tuple[Path, ...]]
    """By merchant id, the files of its folder, in the order of its last registrations."""


class RegistrationFiles:
    """Reads folders of registrations, and only those files again that have changed.

    That a folder lost its last file is a problem: it stays in force what was read before.
    """

    def __init__(self) -> None:
        self._read: dict[Path, tuple[Stamp, RegisteredPlatform]] = {}

    def load(self, path: Path | str | None, environ: Mapping[str, str]) -> Configuration:
        """Return the settings of a file and of the folders that it names.

        Raises ConfigurationError with a line for each problem, which names the file that it is in.
        """
        return self.join(load_settings(path, environ), path)

    def join(self, settings: Settings, path: Path | str | None) -> Configuration:
        """Return settings with the registrations of their folders; ``path`` is their file.

        Raises ConfigurationError as ``load`` does.
        """
        problems: list[str] = []
        files: dict[str, tuple[Path, ...]] = {}
        used: dict[Path, tuple[Stamp, RegisteredPlatform]] = {}
        merchants: list[Merchant] = []
        for merchant in settings.merchants:
            found = self._folder(merchant.platforms.directory, used, problems)
            files[merchant.id] = tuple(found)
            merchants.append(_with(merchant, [used[file][1] for file in found if file in used]))
        if problems:
            # Merchants may share a folder: each of its problems is told once.
            raise ConfigurationError(dict.fromkeys(problems))
        self._read = used
        joined = settings.model_copy(update={"merchants": tuple(merchants)})
        source = "configuration" if path is None else str(path)
        told = [_told(joined, files, source, *problem) for problem in check(joined, files)]
        if told:
            raise ConfigurationError(dict.fromkeys(told))
        return Configuration(joined, files)

    def _folder(
        self,
        folder: Path | None,
        used: dict[Path, tuple[Stamp, RegisteredPlatform]],
        problems: list[str],
    ) -> list[Path]:
        """Read a folder's files into ``used``, and return which they are."""
        try:
            found = [] if folder is None else files_in(folder)
        except ConfigurationError as error:
            problems += error.problems
            return []
        if not found and any(file.parent == folder for file in self._read):
            # A volume that went looks like that, and its platforms would have wider terms.
            problems.append(
                f"{folder}: has no registrations any more; if that is meant, name it no more"
                " under platforms.directory"
            )
        for file in found:
            try:
                used[file] = self._registration(file)
            except ConfigurationError as error:
                problems += error.problems
        return found

    def _registration(self, path: Path) -> tuple[Stamp, RegisteredPlatform]:
        # Before reading: what changes in between is found by the next look.
        stamp = stamp_of(path)
        if stamp is None:
            raise ConfigurationError([f"{path}: is no file"])
        known = self._read.get(path)
        if known is not None and known[0] == stamp:
            return known
        given = without_nulls(read_mapping(path, MAX_FILE, "settings of one platform"))
        try:
            return stamp, RegisteredPlatform.model_validate(given)
        except ValidationError as error:
            raise ConfigurationError(
                f"{path}: {show_path(place)}: {text}"
                for place, text in describe(error, RegisteredPlatform)
            ) from None


def files_in(folder: Path) -> list[Path]:
    """Return a folder's files in the order of their names; raises ConfigurationError."""
    return [folder / name for name in _names_in(folder)]


def stamps_in(folder: Path) -> list[tuple[str, Stamp | None]]:
    """Return what changes when a folder's files do; raises ConfigurationError."""
    start = f"{folder}/"
    return [(name, stamp_of(start + name)) for name in _names_in(folder)]


def _names_in(folder: Path) -> list[str]:
    try:
        names = sorted(
            name
            for name in os.listdir(folder)  # noqa: PTH208 - names are all that is wanted
            if name.endswith(_SUFFIXES) and not name.startswith(".")
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError([f"{folder}: cannot be read: {reason}"]) from error
    if len(names) > MAX_FILES:
        raise ConfigurationError([f"{folder}: has more than {MAX_FILES} files"])
    return names


def without_registrations(configuration: Configuration) -> list[str]:
    """Return a line for each merchant's folder that has no file."""
    return [
        f"merchant {each.id}: no platform is registered in {each.platforms.directory}"
        for each in configuration.settings.merchants
        if each.platforms.directory is not None and not configuration.files.get(each.id)
    ]


def _with(merchant: Merchant, platforms: list[RegisteredPlatform]) -> Merchant:
    if not platforms:
        return merchant
    listed = (*merchant.platforms.registered, *platforms)
    return merchant.model_copy(
        update={"platforms": merchant.platforms.model_copy(update={"registered": listed})}
    )


def _told(
    settings: Settings,
    files: Mapping[str, tuple[Path, ...]],
    source: str,
    place: tuple[str | int, ...],
    text: str,
) -> str:
    """Say where a problem is: in a registration's file, or at its place in the settings' own."""
    match place:
        case ("merchants", int(number), "platforms", "registered", int(index), *inside):
            merchant = settings.merchants[number]
            from_files = files[merchant.id]
            position = index - len(merchant.platforms.registered) + len(from_files)
            if position >= 0:
                return f"{from_files[position]}: {show_path(tuple(inside))}: {text}"
    return f"{source}: {show_path(place)}: {text}"
