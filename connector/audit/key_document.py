"""What stands in ``keys.json`` of the audit log's key folder: pure.

    {"checkpoint": [{"name": "shop-1/0", "seed": BASE64, "created": TIME}, ...],
     "redaction": [{"id": "h1", "key": BASE64, "created": TIME}, ...]}

The newest keys stand in front. Every checkpoint key of a log's name signs; the first redaction key
hashes, and the others are there for looking values up.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from canonical import CanonicalError
from canonical.base64 import decode, encode
from connector.audit.checkpoint import NoteSigner
from connector.audit.redaction import KEY_OCTETS, Redactor

_MOST_NAMES: Final = 256
_MOST_KEYS: Final = 32
"""Of one name: each signs every checkpoint."""
_NAME: Final = re.compile(r"[!-*,-~]{1,255}")
"""C2SP signed-note: neither white space nor a plus sign; here ASCII only."""
_ID: Final = re.compile(r"h[1-9][0-9]{0,5}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class AuditKeyError(Exception):
    """Keys of the audit log that cannot be used; the text is one line without anything secret."""


class CheckpointKey(NamedTuple):
    """An Ed25519 key for the checkpoints of one log, its private half as a seed."""

    name: str
    seed: bytes
    created: str

    def signer(self) -> NoteSigner:
        """Return what signs with it."""
        return NoteSigner(self.name, Ed25519PrivateKey.from_private_bytes(self.seed))

    def __repr__(self) -> str:
        return f"<CheckpointKey {self.name} of {self.created}>"


class RedactionKey(NamedTuple):
    """A key under which values are hashed."""

    id: str
    key: bytes
    created: str

    def redactor(self) -> Redactor:
        """Return what hashes under it."""
        return Redactor(self.id, self.key)

    def __repr__(self) -> str:
        return f"<RedactionKey {self.id} of {self.created}>"


class KeyDocument(NamedTuple):
    """All keys, the newest first."""

    checkpoint: tuple[CheckpointKey, ...] = ()
    redaction: tuple[RedactionKey, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the names of the logs that have a key."""
        return tuple(dict.fromkeys(key.name for key in self.checkpoint))

    def signers(self, name: str) -> list[NoteSigner]:
        """Return what signs the checkpoints of the log of this name, the newest first."""
        return [key.signer() for key in self.checkpoint if key.name == name]

    def vkeys(self) -> list[str]:
        """Return what verifies, of all logs."""
        return [key.signer().vkey for key in self.checkpoint]

    def with_checkpoint_key(self, name: str, now: float) -> KeyDocument:
        """Return it with a new key for the log of this name in front."""
        if _NAME.fullmatch(name) is None:
            raise AuditKeyError("the log's name has other characters than a key's name may have")
        fresh = CheckpointKey(name, secrets.token_bytes(KEY_OCTETS), _shown(now))
        return _checked(self._replace(checkpoint=(fresh, *self.checkpoint)))

    def with_redaction_key(self, now: float) -> KeyDocument:
        """Return it with a new redaction key in front, whose id was never used here."""
        latest = max((int(key.id[1:]) for key in self.redaction), default=0)
        fresh = RedactionKey(f"h{latest + 1}", secrets.token_bytes(KEY_OCTETS), _shown(now))
        return _checked(self._replace(redaction=(fresh, *self.redaction)))


def write_document(document: KeyDocument) -> bytes:
    """Return the octets of ``keys.json``."""
    members = {
        "checkpoint": [
            {"name": key.name, "seed": encode(key.seed), "created": key.created}
            for key in document.checkpoint
        ],
        "redaction": [
            {"id": key.id, "key": encode(key.key), "created": key.created}
            for key in document.redaction
        ],
    }
    return json.dumps(members, indent=2).encode("ascii") + b"\n"


def read_document(data: bytes) -> KeyDocument:
    """Return the keys in the octets of ``keys.json``; raises AuditKeyError."""
    try:
        members = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        # The parser's own words could repeat some of the text.
        raise AuditKeyError("is not JSON") from None
    found = _members(members, ("checkpoint", "redaction"), "it")
    for name, entries in found.items():
        if not isinstance(entries, list) or not entries:
            raise AuditKeyError(f'its "{name}" is no list of keys')
    return _checked(
        KeyDocument(
            tuple(
                CheckpointKey(*_entry(entry, ("name", "seed"), _NAME, f"checkpoint[{index}]"))
                for index, entry in enumerate(found["checkpoint"])
            ),
            tuple(
                RedactionKey(*_entry(entry, ("id", "key"), _ID, f"redaction[{index}]"))
                for index, entry in enumerate(found["redaction"])
            ),
        )
    )


def _entry(
    entry: object, names: tuple[str, str], form: re.Pattern[str], where: str
) -> tuple[str, bytes, str]:
    members = _members(entry, (*names, "created"), where)
    named, secret, created = members.values()
    if not isinstance(named, str) or form.fullmatch(named) is None:
        raise AuditKeyError(f'{where}: its "{names[0]}" is none')
    if not isinstance(created, str) or _TIME.fullmatch(created) is None:
        raise AuditKeyError(f'{where}: its "created" is no time (2026-01-01T00:00:00Z)')
    try:
        octets = decode(secret) if isinstance(secret, str) else b""
    except CanonicalError:
        octets = b""
    if len(octets) != KEY_OCTETS:
        raise AuditKeyError(f'{where}: its "{names[1]}" is not {KEY_OCTETS} octets in base64')
    return named, octets, created


def _members(value: object, names: tuple[str, ...], where: str) -> dict[str, Any]:
    """Return the members of an object in this order; it has these and no others."""
    if not isinstance(value, dict):
        raise AuditKeyError(f"{where} is not an object")
    if value.keys() != {*names}:
        # Not by their names: who puts a secret in the wrong place does not see it here again.
        raise AuditKeyError(f"{where} has not exactly the members {', '.join(names)}")
    return {name: value[name] for name in names}


def _checked(document: KeyDocument) -> KeyDocument:
    """Refuse more keys than there is room for, and one key that stands twice."""
    names = document.names()
    most = max((sum(key.name == name for key in document.checkpoint) for name in names), default=0)
    if len(names) > _MOST_NAMES or max(most, len(document.redaction)) > _MOST_KEYS:
        raise AuditKeyError(
            f"more than {_MOST_NAMES} logs or {_MOST_KEYS} keys of one; take the oldest out"
        )
    for kind, values in (
        ("checkpoint", [key.seed for key in document.checkpoint]),
        ("redaction", [key.key for key in document.redaction]),
        ("redaction", [key.id for key in document.redaction]),
    ):
        if len({*values}) != len(values):
            raise AuditKeyError(f"a {kind} key stands twice")
    return document


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member twice in one object")
    return found


def _shown(now: float) -> str:
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
