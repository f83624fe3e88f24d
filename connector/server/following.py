"""Follows the configuration while the process runs: who is registered, and which keys are revoked.

Everything is read, checked and made ready beside the requests, and then put in place at once: each
request is judged by what was in force before or by what is in force now. What cannot be followed
without a restart is named.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.server.admissions import registered_plans
from connector.server.auditing import settings_digest
from connector.server.registry_changes import changes
from connector.server.standing_warnings import warnings_of
from connector.server.terms import merchant_terms
from connector.settings.base import Section
from connector.settings.checks import check
from connector.settings.errors import ConfigurationError
from connector.settings.files import stamp_of
from connector.settings.loading import load_settings
from connector.settings.registrations import Configuration, RegistrationFiles, stamps_in
from connector.settings.revocations import revoked_in
from connector.settings.shape import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connector.admission.plans import Plan
    from connector.server.registry_changes import Change
    from connector.server.terms import Terms
    from connector.settings.files import Stamp
    from connector.settings.merchants import MerchantPlatforms
    from connector.settings.schema import Settings

INTERVAL: Final = 1.0
"""Seconds between two looks at the files."""
RETRY: Final = 60.0
"""Seconds after which what could not be read is read again though it looks the same."""
OVERDUE: Final = 10.0
"""Seconds without a look after which it is told that there is none."""

FOLLOWED: Final = (
    "discovery",
    "registered",
    "directory",
    "discovered_operations",
    "signature_agent",
)
"""What of ``merchants[].platforms`` is followed: all of it that ``Terms`` and plans are made of."""

_UNEXPECTED: Final = ("an unexpected error; see the log",)

_Seen = list[tuple[str, "Stamp | None"]]

_logger: Final = logging.getLogger(__name__)


class Followed(NamedTuple):
    """A configuration that was read again, ready to be put in place."""

    configuration: Configuration
    """What is in force from now on: what cannot be followed is as it was."""
    terms: Mapping[str, Terms]
    """By merchant id, as all below."""
    plans: Mapping[str, Mapping[str, Plan]]
    digest: str
    """Of the settings, as records name it."""
    changes: list[Change]
    warnings: list[str]
    """What an operator should know of from now on."""
    restart: tuple[str, ...]
    """Settings that changed and are not followed."""

    @property
    def settings(self) -> Settings:
        """Of the configuration."""
        return self.configuration.settings


Take = Callable[[Followed], None]


class Following:
    """A configuration's files, and the settings that are in force.

    ConfigurationError where it cannot be started with. ``configuration`` has the registrations of
    all folders, and is what ``watch`` took last.
    """

    def __init__(
        self,
        path: Path | str | None,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._path = None if path is None else Path(path)
        self._source = "configuration" if path is None else str(path)
        self._environ = environ
        self._files = RegistrationFiles()
        # Before reading: what changes in between is found by the first look.
        stamp = None if self._path is None else stamp_of(self._path)
        # A pipe is read once.
        self._again = stamp is not None
        self._base = load_settings(path, environ)
        self._seen: _Seen = self._look()
        if self._path is not None:
            self._seen[0] = ("", stamp)
        self.configuration = self._files.join(self._base, path)
        self._failed: tuple[tuple[str, ...], float] | None = None
        self._restart: tuple[str, ...] = ()
        self._looked: float | None = None

    @property
    def settings(self) -> Settings:
        """Of the configuration that is in force."""
        return self.configuration.settings

    @property
    def warning(self) -> str | None:
        """Why the files are not followed just now; None where they are."""
        if self._looked is not None and self._clock() - self._looked > OVERDUE:
            return (
                "the configuration is not followed: it could not be looked at for more than"
                f" {OVERDUE:.0f} s; a volume may hang"
            )
        if self._failed is None:
            return None
        first, *others = self._failed[0]
        more = f" (and {len(others)} more)" if others else ""
        return f"the configuration that was read before stays in force: {first}{more}"

    async def watch(self, reload: asyncio.Event, take: Take) -> None:
        """Look for changes every second, at once when ``reload`` is set; until cancelled.

        ``take`` puts what was read in place, on the loop and without waiting.
        """
        while True:
            self._looked = self._clock()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL):
                    await reload.wait()
            asked = reload.is_set()
            reload.clear()
            await self.look(take, again=asked)

    async def look(self, take: Take, *, again: bool = False) -> None:
        """Take the files where they changed, or ``again`` in any case.

        Bad ones change nothing, but that keys which they revoke are revoked.
        """
        now = self._clock()
        try:
            # In a thread, all of it: files may be many, or on a volume that is slow or gone.
            seen = await asyncio.to_thread(self._look)
            due = self._failed is not None and now >= self._failed[1] + RETRY
            if seen == self._seen and not again and not due:
                return
            self._seen = seen
            followed = await asyncio.to_thread(self._read)
            take(followed)
        except ConfigurationError as error:
            self._fail(error.problems, now)
        except Exception:
            if self._failed is None or self._failed[0] != _UNEXPECTED:
                _logger.exception("the configuration could not be followed")
            self._fail(_UNEXPECTED, now)
        else:
            self._succeed(followed)
            return
        await self._revoke(take)

    async def _revoke(self, take: Take) -> None:
        """Take keys that were revoked since: no mistake elsewhere has them verify any longer."""
        try:
            followed = await asyncio.to_thread(self._read_revoked)
            if followed is None:
                return
            take(followed)
        except ConfigurationError:
            # Told already: reading the whole found it, too.
            return
        except Exception:
            _logger.exception("revoked keys could not be taken")
            return
        self.configuration = followed.configuration
        _logger.warning("newly revoked keys are taken all the same, and nothing else")

    def _fail(self, problems: tuple[str, ...], now: float) -> None:
        if self._failed is None or self._failed[0] != problems:
            for problem in problems:
                _logger.warning("%s", problem)
            _logger.warning("the configuration that was read before stays in force")
        self._failed = problems, now

    def _succeed(self, followed: Followed) -> None:
        self._failed = None
        self.configuration = followed.configuration
        _logger.info("the configuration was read again: %d changes", len(followed.changes))
        if followed.restart and followed.restart != self._restart:
            named = ", ".join(followed.restart)
            _logger.warning("changed, but in force only after a restart: %s", named)
        self._restart = followed.restart

    def _look(self) -> _Seen:
        """Return what changes when a file does: the configuration's, a folder's, one in it."""
        seen: _Seen = [] if self._path is None else [("", stamp_of(self._path))]
        for folder in dict.fromkeys(each.platforms.directory for each in self._base.merchants):
            if folder is not None:
                with contextlib.suppress(ConfigurationError):
                    seen += stamps_in(folder)
        return seen

    def _read(self) -> Followed:
        base = self._base
        if self._again:
            base = load_settings(self._path, self._environ, pipe=False)
        # Its folders are looked at from now on, also where what is in them is wrong.
        self._base = base
        loaded, files = self._files.join(base, self._path)
        settings = _followed(self.settings, loaded)
        mixed = check(settings)
        if mixed:
            # Good by itself, but not with what only a restart changes.
            raise ConfigurationError(
                f"{self._source}: {show_path(place)}: {text}, before a restart"
                for place, text in mixed
            )
        try:
            restart = tuple(_differing(settings, loaded, ()))
            return self._ready(Configuration(settings, files), restart)
        except ValueError as error:
            raise ConfigurationError([f"{self._source}: {error}"]) from error

    def _read_revoked(self) -> Followed | None:
        """Return what runs with the keys that are revoked now, too; None where there are none."""
        if self._path is None or not self._again:
            return None
        running = self.settings.discovery
        added = [
            each
            for each in dict.fromkeys(revoked_in(self._path, self._environ))
            if each not in running.revoked
        ]
        if not added:
            return None
        # Only added: that a key verifies again is for a configuration that is good.
        discovery = running.model_copy(update={"revoked": (*running.revoked, *added)})
        settings = self.settings.model_copy(update={"discovery": discovery})
        return self._ready(Configuration(settings, self.configuration.files), self._restart)

    def _ready(self, configuration: Configuration, restart: tuple[str, ...]) -> Followed:
        settings = configuration.settings
        return Followed(
            configuration,
            {each.id: merchant_terms(settings, each) for each in settings.merchants},
            {each.id: registered_plans(settings, each) for each in settings.merchants},
            settings_digest(settings),
            changes(self.settings, settings),
            warnings_of(configuration),
            restart,
        )


def _followed(running: Settings, loaded: Settings) -> Settings:
    """Return the settings that run, with what can be followed of others in its place."""
    platforms = {each.id: each.platforms for each in loaded.merchants}
    merchants = tuple(
        each.model_copy(update={"platforms": _with(each.platforms, platforms.get(each.id))})
        for each in running.merchants
    )
    discovery = running.discovery.model_copy(update={"revoked": loaded.discovery.revoked})
    return running.model_copy(update={"merchants": merchants, "discovery": discovery})


def _with(running: MerchantPlatforms, loaded: MerchantPlatforms | None) -> MerchantPlatforms:
    if loaded is None:
        return running
    return running.model_copy(update={name: getattr(loaded, name) for name in FOLLOWED})


def _differing(one: Section, other: Section, above: tuple[str | int, ...]) -> Iterator[str]:
    """Name the settings in which two sections differ."""
    for name in type(one).model_fields:
        here, there, path = getattr(one, name), getattr(other, name), (*above, name)
        if here == there:
            continue
        if isinstance(here, Section) and isinstance(there, Section):
            yield from _differing(here, there, path)
        elif name == "merchants" and [each.id for each in here] == [each.id for each in there]:
            for index, (each, new) in enumerate(zip(here, there, strict=True)):
                yield from _differing(each, new, (*path, index))
        else:
            yield show_path(path)
