"""The files that a verifier reads: by relative path, as octets, whatever holds them."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not to wait where somebody has put a pipe.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DEEPEST: Final = 16
"""Folders that are looked into; a log of 10**18 records has fewer."""


class FileFault(Exception):  # noqa: N818 - what is wrong with a file, not a mistake of ours
    """A file cannot be read as one; ``str`` says why, without its path."""


class Files(Protocol):
    """Files below one folder."""

    def paths(self) -> Iterable[str]:
        """Return the path of everything that is not a folder, with ``/`` between names."""

    def read(self, path: str, most: int) -> bytes:
        """Return a file's octets; raises FileFault, also where there are more than ``most``."""


class Directory:
    """A folder of the file system. No symbolic link below it is followed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self) -> Iterable[str]:
        """List every file, link and pipe; raises OSError where the folder itself is not there."""
        found: list[str] = []
        folders = [("", 0)]
        while folders:
            folder, depth = folders.pop()
            try:
                with os.scandir(self._root / folder) as entries:
                    for entry in entries:
                        path = f"{folder}{entry.name}"
                        if entry.is_dir(follow_symlinks=False) and depth < _DEEPEST:
                            folders.append((f"{path}/", depth + 1))
                        else:
                            found.append(path)
            except OSError:
                if not folder:
                    raise
                # It is told of as a path that nothing has, or that cannot be read.
                found.append(folder.removesuffix("/"))
        return sorted(found)

    def read(self, path: str, most: int) -> bytes:
        """Read a regular file, through folders that are none of them links."""
        *parents, name = path.split("/")
        opened = []
        try:
            # The folder itself may be reached through a link: whoever named it chose that.
            opened.append(os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            for parent in parents:
                opened.append(os.open(parent, _FOLDER, dir_fd=opened[-1]))
            opened.append(os.open(name, _FILE, dir_fd=opened[-1]))
            return _content(opened[-1], most)
        except OSError as error:
            raise FileFault(_reason(error)) from error
        finally:
            for descriptor in opened:
                os.close(descriptor)


def _content(descriptor: int, most: int) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise FileFault("is not a file")
    if found.st_size > most:
        raise FileFault(f"has more than {most} octets")
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(found.st_size)


def _reason(error: OSError) -> str:
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return "is a symbolic link, or not a folder on its way"
    return f"cannot be read: {error.strerror or type(error).__name__}"


class Folder:
    """The files below one folder of others."""

    def __init__(self, files: Files, name: str, paths: Iterable[str]) -> None:
        self._files = files
        self._prefix = f"{name}/"
        self._paths = [path.removeprefix(self._prefix) for path in paths]

    def paths(self) -> Iterable[str]:
        """Return what stands below this folder."""
        return self._paths

    def read(self, path: str, most: int) -> bytes:
        """Read one of them."""
        return self._files.read(f"{self._prefix}{path}", most)
