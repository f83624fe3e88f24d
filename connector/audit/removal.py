"""Removes what may go from a log, beside a running gateway or without one.

The note that says where the log begins is on disk before the first bundle goes, so that whatever is
missing after any end is accounted for. No gateway is in the way: below its oldest segment it
touches nothing any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Final

from connector.audit.checkpoint import sign_note
from connector.audit.disk import UNPUBLISHED, Disk
from connector.audit.inventory import PRUNED, bundle_path
from connector.audit.pruned import Pruned
from connector.audit.pruning import PruneError
from connector.audit.tiles import tile_path
from connector.private_files import hand_over, synchronise_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from connector.audit.checkpoint import NoteSigner
    from connector.audit.pruning import Prunable

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a second one from pruning a log; raises PruneError, and OSError.

    The lock is on the folder itself and ends with the process. It is no gateway's, which has a
    file for that.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise PruneError("it is being pruned already") from error
    finally:
        os.close(descriptor)


def remove(folder: Path, found: Prunable, signers: Sequence[NoteSigner]) -> None:
    """Sign where the log begins, have that and the hashes on disk, and remove what is before it.

    Raises OSError: whatever was done until then, the log is good, and the next time goes on.
    """
    # What their hashes are, nothing else tells any more.
    Disk(folder).settle([tile_path(0, index) for index in found.bundles])
    if found.first != found.before:
        text = Pruned(found.origin, found.first).text()
        _put(folder / PRUNED, sign_note(text, signers).encode())
    paths = [folder / bundle_path(index) for index in found.bundles]
    for path in paths:
        path.unlink(missing_ok=True)
    for parent in sorted({path.parent for path in paths}):
        if parent.name.startswith("x"):
            # It is for a thousand bundles, and goes with the last one.
            with contextlib.suppress(OSError):
                parent.rmdir()
        with contextlib.suppress(FileNotFoundError):
            synchronise_folder(parent / PRUNED)
        synchronise_folder(parent)


def _put(path: Path, octets: bytes) -> None:
    """Put a file in its place in one step, and have it on disk there."""
    new = path.with_name(f"{path.name}{UNPUBLISHED}")
    with os.fdopen(os.open(new, _NEW, 0o600), "wb") as file:
        # Root prunes for the gateway, too.
        hand_over(file.fileno(), path.parent)
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    synchronise_folder(path)
