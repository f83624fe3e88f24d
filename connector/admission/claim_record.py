"""A claim as an operator sees it: read strictly from the store's hash, shown without its answer.

Whatever under a claim's name is not shaped as one is refused: something else may have written it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from connector.admission.store_keys import CLAIM, UNKEYED, answer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES: Final = ("unknown", "claimed", "completed", "released")
"""What an operator may ask for. A claim whose lease has ended counts as unknown."""

_NAME: Final = re.compile(rb"ucp1:\{([0-9a-f]{32})\}:(claim|unkeyed):([0-9a-f]{64})")
_ID: Final = re.compile(r"(unkeyed\.)?([0-9a-f]{32})\.([0-9a-f]{64})")
_ONCE: Final = re.compile(rb"(ucp1:\{[0-9a-f]{32}\}:)(nonce|signature):[0-9a-f]{64}")
_TOKEN: Final = re.compile(rb"(?:[0-9a-f]{32})?")
_MICROSECONDS: Final = re.compile(rb"[0-9]{1,16}")
_PAYLOAD_OCTETS: Final = 32
_MOST_JSON: Final = 16 << 10


class NotAClaim(ValueError):  # noqa: N818 - it says what was found
    """What stands under this name is not a claim of ours."""


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """One claim. Times are UNIX seconds by the store's clock; None and empty where not known.

    Of a claim that was made again after the store had lost it, only state, payload and token are
    certain. ``token`` is what the merchant got as UCP-Verified-Claim; a resolution takes it away.
    """

    claim_id: str
    state: str
    lapsed: bool
    """Unknown because the lease ended, not because the owner said so."""
    merchant: str
    identity: str
    operation: str
    audit_id: str
    token: str
    payload: str
    """The digest of the payload, in hexadecimal digits."""
    claimed: float | None
    renewed: float | None
    lease: float | None
    answered: float | None
    again: bool
    """It was sent once more after an unknown outcome (upstream.idempotent)."""
    note: Mapping[str, Any] | None
    """What an operator's resolution has left."""
    keys: tuple[bytes, ...] = field(repr=False)
    """What a script that settles it works on."""

    def as_json(self) -> dict[str, Any]:
        """Return it for a machine; times are RFC 3339 in UTC."""
        return {
            "claim": self.claim_id,
            "state": self.state,
            "lapsed": self.lapsed,
            "merchant": self.merchant,
            "operation": self.operation,
            "identity": self.identity,
            "audit_id": self.audit_id,
            "token": self.token,
            "payload": self.payload,
            "claimed": shown_time(self.claimed),
            "renewed": shown_time(self.renewed),
            "lease": shown_time(self.lease),
            "answered": shown_time(self.answered),
            "again": self.again,
            "note": None if self.note is None else dict(self.note),
        }


def read_claim(name: bytes, fields: Mapping[bytes, bytes], now: float) -> ClaimRecord:
    """Return the claim of this name as it is at ``now``; raises NotAClaim."""
    if fields.get(b"payload") is None or len(fields[b"payload"]) != _PAYLOAD_OCTETS:
        raise NotAClaim("no payload digest")
    token = fields.get(b"token", b"")
    if _TOKEN.fullmatch(token) is None:
        raise NotAClaim("a token that is none")
    about = _object(fields.get(b"about")) or {}
    lease = _time(fields.get(b"lease"))
    state, lapsed = _state(fields.get(b"state", b""), lease, now)
    return ClaimRecord(
        claim_id=claim_id(name),
        state=state,
        lapsed=lapsed,
        merchant=_text(about, "merchant"),
        identity=_text(about, "identity"),
        operation=_text(about, "operation"),
        audit_id=_text(about, "audit_id"),
        token=token.decode("ascii"),
        payload=fields[b"payload"].hex(),
        claimed=_time(fields.get(b"claimed")),
        renewed=_time(fields.get(b"renewed")),
        lease=lease,
        answered=_time(fields.get(b"answered")),
        again=fields.get(b"again") == b"1",
        note=_object(fields.get(b"note")),
        keys=_keys(name, fields.get(b"once")),
    )


def claim_id(name: bytes) -> str:
    """Return the id of a claim for people; raises NotAClaim."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise NotAClaim("another name")
    slot, kind, digest = (part.decode("ascii") for part in parts.groups())
    return f"{slot}.{digest}" if kind == CLAIM.decode("ascii") else f"unkeyed.{slot}.{digest}"


def claim_name(text: str) -> bytes:
    """Return the name in the store of an id, the other way about; raises NotAClaim."""
    parts = _ID.fullmatch(text)
    if parts is None:
        raise NotAClaim("a claim's id is 32 hexadecimal digits, a dot, and 64 more")
    kind = CLAIM if parts[1] is None else UNKEYED
    return b"ucp1:{%b}:%b:%b" % (parts[2].encode("ascii"), kind, parts[3].encode("ascii"))


def shown_time(moment: float | None) -> str | None:
    """Write a time (RFC 3339, UTC, milliseconds)."""
    if moment is None:
        return None
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _state(found: bytes, lease: float | None, now: float) -> tuple[str, bool]:
    state = found.decode("ascii", "replace")
    if state not in STATES:
        raise NotAClaim("a state that is none")
    if state != "claimed":
        return state, False
    if lease is None:
        raise NotAClaim("claimed without a lease")
    return ("claimed", False) if lease > now else ("unknown", True)


def _keys(name: bytes, once: bytes | None) -> tuple[bytes, ...]:
    keys = (name, answer_of(name))
    if once is None:
        return keys
    # Of another caller's slot it could not stand on the same node, and is not ours to touch.
    parts = _ONCE.fullmatch(once)
    if parts is None or not name.startswith(parts[1]):
        raise NotAClaim("a nonce's name that is none")
    return (*keys, once)


def _time(value: bytes | None) -> float | None:
    if value is None:
        return None
    if _MICROSECONDS.fullmatch(value) is None:
        raise NotAClaim("a time that is none")
    return int(value) / 1e6


def _object(value: bytes | None) -> dict[str, Any] | None:
    if value is None:
        return None
    if len(value) > _MOST_JSON:
        raise NotAClaim("more about it than fits")
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise NotAClaim("what is said about it is not JSON") from error
    if not isinstance(found, dict):
        raise NotAClaim("what is said about it is not an object")
    return found


def _text(about: Mapping[str, Any], name: str) -> str:
    value = about.get(name, "")
    if not isinstance(value, str):
        raise NotAClaim("what is said about it is not text")
    return value
