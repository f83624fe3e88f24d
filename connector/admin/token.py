"""The bearer token of the operator's listener, as a file holds it."""

from __future__ import annotations

import hmac
import logging
import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LEAST: Final = 16
"""Characters of a token: fewer could be guessed."""
_MOST_OCTETS: Final = 4096
# RFC 6750 section 2.1, b64token
_TOKEN: Final = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
# RFC 9110 section 11.1: the scheme is case-insensitive.
_CREDENTIALS: Final = re.compile(rb"(?i:bearer) +([A-Za-z0-9\-._~+/]+=*)")

_logger: Final = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


class TokenFileError(ValueError):
    """The file holds no token that can be used; the text never repeats what it holds."""


class TokenFile:
    """Accepts the token in a file, which is read at once and whenever it has changed.

    A file that cannot be read any more, or holds no token, lets nobody in until it is mended.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; raises TokenFileError."""
        self._path = path
        self._stamp: _Stamp | None = None
        self._token: bytes | None = None
        self._read()

    def accepts(self, authorization: bytes) -> bool:
        """Tell whether the value of an Authorization header has the token."""
        self._refresh()
        given = _CREDENTIALS.fullmatch(authorization)
        if given is None or self._token is None:
            return False
        return hmac.compare_digest(given[1], self._token)

    def _refresh(self) -> None:
        try:
            if self._stamp is None or self._stamp != _stamp(self._path.stat()):
                self._read()
        except (TokenFileError, OSError) as error:
            if self._token is not None:
                text = error.strerror if isinstance(error, OSError) else str(error)
                _logger.warning("admin.token_file: %s; nobody is let in", text)
            self._token = self._stamp = None

    def _read(self) -> None:
        try:
            with self._path.open("rb") as file:
                # Of the file that is read, which may be replaced meanwhile.
                stamp = _stamp(os.fstat(file.fileno()))
                token = file.read(_MOST_OCTETS + 1).strip()
        except OSError as error:
            raise TokenFileError(f"{self._path} cannot be read: {error.strerror}") from None
        if not LEAST <= len(token) <= _MOST_OCTETS or _TOKEN.fullmatch(token) is None:
            raise TokenFileError(
                f"{self._path} does not hold one token of {LEAST} or more letters, digits"
                " and - . _ ~ + / (openssl rand -hex 32)"
            )
        self._stamp, self._token = stamp, token


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino
