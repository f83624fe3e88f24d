"""The key files of a process: made where they are missing, read again when they change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from connector.signing.current import CurrentKeys
from connector.signing.key_document import KeyFileError, new_document
from connector.signing.key_file import create, load_keys, stamp
from connector.signing.key_ring import phase_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connector.settings.merchants import Merchant
    from connector.settings.schema import Settings
    from connector.signing.key_file import Stamp
    from connector.signing.key_ring import SigningKey

DEFAULT_ALGORITHM: Final = "ES256"
_INTERVAL: Final = 1.0
_logger: Final = logging.getLogger(__name__)


def key_path(settings: Settings, merchant: Merchant) -> Path:
    """Return where a merchant's keys are: in a file of its own, or in that of all."""
    return merchant.signing.keys or settings.signing.keys


def usable_keys(path: Path, now: float) -> tuple[SigningKey, ...]:
    """Return the keys of a file that a gateway can start with; KeyFileError for any other."""
    keys = load_keys(path)
    if phase_at(keys, now).signing is None:
        raise KeyFileError(f"{path}: has no key that signs now")
    return keys


class SigningKeys:
    """The keys of every merchant that signs. Merchants may share a file.

    KeyFileError where a file cannot be used, or has no key that signs now. ``clock`` is that of
    :class:`CurrentKeys`; ``made`` are the files that were missing.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.made: list[Path] = []
        self._files: dict[Path, _KeyFile] = {}
        self._by_merchant: dict[str, CurrentKeys] = {}
        for merchant in settings.merchants:
            if merchant.responses.sign:
                path = key_path(settings, merchant)
                if path not in self._files:
                    self._files[path] = self._open(path, clock)
                self._by_merchant[merchant.id] = self._files[path].current

    def _open(self, path: Path, clock: Callable[[], float]) -> _KeyFile:
        if stamp(path) is None:
            # Another process may have made it in this moment: then that one is good.
            with contextlib.suppress(FileExistsError):
                create(path, new_document(clock(), DEFAULT_ALGORITHM))
                self.made.append(path)
        return _KeyFile(path, clock)

    def of(self, merchant: Merchant) -> CurrentKeys | None:
        """Return a merchant's keys; None where it does not sign."""
        return self._by_merchant.get(merchant.id)

    async def watch(self, reload: asyncio.Event) -> None:
        """Look for changed files every second, at once when ``reload`` is set; until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_INTERVAL):
                    await reload.wait()
            asked = reload.is_set()
            reload.clear()
            for file in self._files.values():
                await file.look(again=asked)


class _KeyFile:
    """One file, and the keys that were read from it last."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        # Before reading: what changes in between is found by the next look.
        self._stamp = stamp(path)
        self._complaint: tuple[Stamp | None, str] | None = None
        self.current = CurrentKeys(usable_keys(path, clock()), clock)

    async def look(self, *, again: bool) -> None:
        """Read the file if it has changed, or ``again`` in any case; a bad one changes nothing."""
        # A thread: the file may be on a volume that is slow or gone.
        found = await asyncio.to_thread(stamp, self._path)
        if found == self._stamp and not again:
            return
        try:
            keys = await asyncio.to_thread(load_keys, self._path)
        except KeyFileError as error:
            # Tried again: what stood in the way may pass. Told once for each state of the file.
            if self._complaint != (found, str(error)):
                self._complaint = found, str(error)
                _logger.warning("%s; the keys that were read before stay in use", error)
            return
        self._stamp = found
        self.current.replace(keys)
        phase = self.current.phase(self._clock())
        if phase.signing is None:
            # Taken all the same: it may be that the only key was revoked.
            _logger.error("%s: has no key that signs now; answers go unsigned", self._path)
        else:
            _logger.info(
                "%s: read again; %s signs, %d keys are published",
                self._path,
                phase.signing.kid,
                len(phase.published),
            )
