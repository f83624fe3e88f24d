"""``ucp-connector keys``: the private keys that sign in our name.

Every action works on one key file: that of ``signing.keys``, or with ``--merchant`` the one that
the merchant uses. A gateway that runs reads the file again by itself. No private half is shown.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connector.cli.failure import CHECK_FAILED, CommandError
from connector.server.signing_keys import DEFAULT_ALGORITHM, key_path
from connector.settings.loading import ConfigurationError, load_settings
from connector.signing.key_document import (
    ALGORITHMS,
    KeyFileError,
    keys_of,
    new_document,
    retired,
    revoked,
    rotated,
)
from connector.signing.key_file import change, create, load_keys
from connector.signing.key_ring import KEPT, phase_at, signing_key

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from connector.signing.key_document import Document
    from connector.signing.key_ring import SigningKey

_ACTIONS: Final = {
    "generate": "make the key file with one key, which signs at once",
    "list": "list the keys and what each of them does",
    "rotate": "publish a new key, which signs in place of the others when platforms know it",
    "retire": "let a key sign no longer; it stays published for seven days",
    "revoke": "withdraw a compromised key at once, from signing and from the profile",
    "export": "print the public halves of the published keys as a JWK set",
}
_OF_ONE_KEY: Final = ("retire", "revoke")
_MAKING: Final = ("generate", "rotate")


class _Done(NamedTuple):
    """What an action came to."""

    lines: list[str]
    document: dict[str, Any]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in _ACTIONS.items():
        action = actions.add_parser(name, help=summary, allow_abbrev=False)
        if name in _OF_ONE_KEY:
            action.add_argument("kid", metavar="KID", help="the key's kid, or how it begins")
        action.add_argument(
            "-c", "--config", required=True, metavar="FILE", help="the configuration (YAML)"
        )
        action.add_argument("--merchant", metavar="ID", help="the keys of this merchant")
        if name in _MAKING:
            action.add_argument(
                "--algorithm",
                choices=ALGORITHMS,
                default=DEFAULT_ALGORITHM,
                help=f"of the new key (default: {DEFAULT_ALGORITHM}, which every platform knows)",
            )
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do one of the actions; 1 where the key file stands against it."""
    path = _path(arguments.config, arguments.merchant)
    try:
        done = _RUN[arguments.action](path, arguments)
    except KeyFileError as error:
        raise CommandError(str(error), status=CHECK_FAILED) from error
    if arguments.json:
        sys.stdout.write(f"{json.dumps(done.document, indent=2)}\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in done.lines))
    return 0


def _path(config: str, merchant: str | None) -> Path:
    try:
        settings = load_settings(config, os.environ)
    except ConfigurationError as error:
        raise CommandError("; ".join(error.problems), status=CHECK_FAILED) from error
    if merchant is None:
        return settings.signing.keys
    for each in settings.merchants:
        if each.id == merchant:
            return key_path(settings, each)
    raise CommandError(f"{config}: no merchant is called {merchant[:64]!r}")


def _generate(path: Path, arguments: argparse.Namespace) -> _Done:
    now = time.time()
    document = new_document(now, arguments.algorithm)
    try:
        create(path, document)
    except FileExistsError:
        raise KeyFileError(f"{path}: is there already; rotate makes a further key") from None
    (key,) = keys_of(document)
    return _Done([f"{path}: made; {key.kid} signs"], _listing(path, (key,), now))


def _list(path: Path, _: argparse.Namespace) -> _Done:
    now = time.time()
    keys = load_keys(path)
    signing = signing_key(keys, now)
    rows = [("kid", "alg", "state", "")]
    rows += [
        (each.kid, each.key.algorithm, each.state(now), _meaning(each, signing, now))
        for each in keys
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]))
        for row in rows
    ]
    return _Done([line.rstrip() for line in lines], _listing(path, keys, now))


def _rotate(path: Path, arguments: argparse.Namespace) -> _Done:
    now = time.time()
    kids = []

    def alter(document: Document) -> Document:
        altered, kid = rotated(document, now, arguments.algorithm)
        kids.append(kid)
        return altered

    keys = _changed(path, alter)
    (fresh,) = (each for each in keys if each.kid in kids)
    return _Done(
        [
            f"{fresh.kid} is published and signs from {_shown(fresh.active)}",
            f"until then the others sign; they stay published until {_shown(fresh.active + KEPT)}",
        ],
        _listing(path, keys, now),
    )


def _retire(path: Path, arguments: argparse.Namespace) -> _Done:
    now = time.time()
    found = []

    def alter(document: Document) -> Document:
        kid = _kid(keys_of(document), arguments.kid)
        altered, ends = retired(document, kid, now)
        found.append((kid, ends))
        return altered

    keys = _changed(path, alter)
    kid, ends = found[0]
    when = "no longer" if ends <= now else f"until {_shown(ends)}"
    return _Done(
        [f"{kid} signs {when} and stays published until {_shown(ends + KEPT)}"],
        _listing(path, keys, now),
    )


def _revoke(path: Path, arguments: argparse.Namespace) -> _Done:
    now = time.time()
    found = []

    def alter(document: Document) -> Document:
        kid = _kid(keys_of(document), arguments.kid)
        altered, successor = revoked(document, kid, now)
        found.append((kid, successor))
        return altered

    keys = _changed(path, alter)
    kid, successor = found[0]
    lines = [f"{kid} is revoked: it neither signs nor is published"]
    for each in keys:
        if each.kid == successor and each.active <= now:
            lines.append(
                f"{successor} signs at once; platforms find it when they refresh the profile"
            )
        elif each.kid == successor:
            lines.append(f"{successor} is published and signs from {_shown(each.active)}")
    return _Done(lines, _listing(path, keys, now))


def _export(path: Path, _: argparse.Namespace) -> _Done:
    published = phase_at(load_keys(path), time.time()).published
    document = {"keys": [key.public_jwk() for key in published]}
    return _Done([json.dumps(document, indent=2)], document)


_RUN: Final[dict[str, Callable[[Path, argparse.Namespace], _Done]]] = {
    "generate": _generate,
    "list": _list,
    "rotate": _rotate,
    "retire": _retire,
    "revoke": _revoke,
    "export": _export,
}


def _changed(path: Path, alter: Callable[[Document], Document]) -> tuple[SigningKey, ...]:
    change(path, alter)
    return load_keys(path)


def _kid(keys: Sequence[SigningKey], given: str) -> str:
    found = [each.kid for each in keys if each.kid.startswith(given)]
    if given in found:
        return given
    if len(found) != 1:
        what = "several keys begin" if found else "no key begins"
        raise KeyFileError(f"{what} with {given[:128]!r}")
    return found[0]


def _meaning(key: SigningKey, signing: SigningKey | None, now: float) -> str:
    state = key.state(now)
    if key is signing:
        text = f"signs since {_shown(key.active)}"
        return text if key.retired is None else f"{text}, until {_shown(key.retired)}"
    if state == "revoked":
        return f"since {_shown(key.revoked)}"
    if state == "planned":
        return f"published from {_shown(key.published)}"
    if state == "published":
        return f"signs from {_shown(key.active)}"
    if key.retired is None:
        return "could sign; a younger one does"
    if now < key.retired:
        return f"until {_shown(key.retired)}; a younger one signs"
    what = "published until" if state == "retired" else "since"
    return f"{what} {_shown(key.retired + KEPT)}"


def _listing(path: Path, keys: Sequence[SigningKey], now: float) -> dict[str, Any]:
    signing = signing_key(keys, now)
    return {
        "file": str(path),
        "keys": [
            {
                "kid": each.kid,
                "alg": each.key.algorithm,
                "thumbprint": each.key.thumbprint,
                "state": each.state(now),
                "signs": each is signing,
                "published": each.published,
                "active": each.active,
                "retired": each.retired,
                "revoked": each.revoked,
            }
            for each in keys
        ],
    }


def _shown(moment: int | None) -> str:
    """Write a time (RFC 3339, UTC)."""
    if not moment:
        return "always"
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
