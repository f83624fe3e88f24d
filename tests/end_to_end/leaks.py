"""Finds secrets in what somebody writes down, however it spells them.

Octets are looked at as they are and without percent-encoding, JSON's escapes, base64 and hex, in
any order of two of these.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SHORTEST: Final = 8
"""Characters of a secret: shorter ones would be found by chance."""
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{16,}")
_ESCAPE: Final = re.compile(rb"\\u([0-9A-Fa-f]{4})")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def _unescaped(octets: bytes) -> bytes:
    return _ESCAPE.sub(
        lambda match: chr(int(match[1], 16)).encode("utf-8", "surrogatepass"), octets
    ).replace(b"\\/", b"/")


def _from_base64(octets: bytes) -> bytes:
    """Decode all runs, from each place where a group may begin."""
    found = []
    for run in _BASE64.findall(octets):
        text = run.translate(_TO_STANDARD)
        for begin in range(4):
            part = text[begin:]
            # One character of a group stands for no octet.
            part = part[: len(part) - (len(part) % 4 == 1)]
            found.append(binascii.a2b_base64(part + b"=" * (-len(part) % 4)))
    return b"\n".join(found)


def _from_hex(octets: bytes) -> bytes:
    runs = _HEX.findall(octets)
    parts = [run[begin : begin + (len(run) - begin) // 2 * 2] for run in runs for begin in (0, 1)]
    return b"\n".join(map(binascii.unhexlify, parts))


_READINGS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    unquote_to_bytes,
    _unescaped,
    _from_base64,
    _from_hex,
)


def readings(octets: bytes) -> Iterator[bytes]:
    """Return what octets may stand for."""
    yield octets
    for first in _READINGS:
        once = first(octets)
        if once == octets:
            continue
        yield once
        for second in _READINGS:
            yield second(once)


def leaks(octets: bytes, secrets: Mapping[str, str]) -> list[str]:
    """Return the names of the secrets that are in there."""
    wanted = {name: secret.lower() for name, secret in secrets.items()}
    assert all(len(secret) >= SHORTEST for secret in wanted.values())
    found = set()
    for reading in readings(octets):
        lower = reading.decode("utf-8", "surrogateescape").lower()
        found |= {name for name, secret in wanted.items() if secret in lower}
    return sorted(found)


def octets_below(folder: Path) -> bytes:
    """Return the names and contents of all files."""
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    return b"\n".join(
        b"%b\n%b" % (str(each.relative_to(folder)).encode(), each.read_bytes()) for each in files
    )
