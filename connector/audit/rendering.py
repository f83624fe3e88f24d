"""Records of requests as octets, made on the way of every request.

Each text is in canonical form (RFC 8785) as it is put together: members stand in order, and texts
are escaped as JSON has it. ``records`` has the same shapes as models, against which tests hold it.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from functools import lru_cache
from hashlib import sha256, sha384
from json.encoder import encode_basestring as quoted
from time import gmtime, monotonic_ns, strftime, time_ns
from typing import TYPE_CHECKING, Final

from connector.audit.segment import MOST_RECORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from canonical import Key
    from connector.audit.redaction import EvidenceSealer, Redactor
    from connector.errors import Refusal
    from connector.steps import Admission, Caller, Operation, Received

_SECOND: Final = 1_000_000_000
_MOST_BASE: Final = 3072
"""Octets of a signature base that are kept; of a longer one the hash remains."""
_HASHES: Final = {"ES256": ("sha-256", sha256), "ES384": ("sha-384", sha384)}


class Scribe:
    """Writes the records of requests: ``settings`` is the digest of those in force."""

    def __init__(
        self,
        redactor: Redactor,
        sealer: EvidenceSealer,
        settings: str,
        *,
        wall: Callable[[], int] = time_ns,
        monotonic: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._hash = redactor.hash
        self._seal = sealer.seal
        self._settings = quoted(settings)
        self._wall = wall
        self._monotonic = monotonic
        # Callers, and where they call from, come again and again.
        self._peer = lru_cache(maxsize=4096)(lambda peer: redactor.hash("peer", peer))

    def follow(self, settings: str) -> None:
        """Name the digest of other settings from now on."""
        self._settings = quoted(settings)

    def received(
        self,
        received: Received,
        caller: Caller,
        operation: Operation,
        admission: Admission,
        audit_id: str,
        template: str,
    ) -> bytes:
        """Return the record of a verified request that is about to be sent."""
        request = received.request
        path, _, query = request.target.partition("?")
        claim = admission.claim
        held = "" if claim is None else f'"claim":"{claim.token.decode("ascii")}",'
        over = f'"over_rate":{quoted(admission.over)},' if admission.over else ""
        key = operation.key
        keyed = "" if key is None else f'"idempotency_key":"{self._hash("idempotency_key", key)}",'
        asked = f',"query":"{self._hash("query", query)}"' if query else ""
        record = (
            f'{{"audit_id":"{audit_id}","caller":{_caller(caller[:7], caller.key)}'
            f',"decision":{{{held}{over}"result":"{admission.result}"'
            f',"rule":{quoted(caller.tier)},"settings":{self._settings}}}'
            f',"merchant":{quoted(received.merchant)},"order":"{self._monotonic()}"'
            f',"peer":"{self._peer(received.peer)}"'
            f',"request":{{{keyed}"kind":"{operation.kind}","method":{quoted(request.method)}'
            f',"octets":{len(request.body)},"operation":{quoted(operation.name)}'
            f',"path":{quoted(self._path(path, template))}{asked}}}'
            f',"signature":{self._signature(caller, audit_id)}'
            f',"time":"{_time(self._wall())}","type":"received","v":1}}'
        )
        return record.encode()

    def unverified(
        self,
        received: Received,
        operation: str,
        kind: str,
        audit_id: str,
        template: str,
        refusal: Refusal,
    ) -> bytes:
        """Return the record of a request that is sent although it did not verify, as configured."""
        request = received.request
        path = request.target.partition("?")[0]
        record = (
            f'{{"audit_id":"{audit_id}","decision":{{"code":"{refusal.code.name}"'
            f',"reason":{quoted(refusal.reason)},"result":"observed","rule":"insecure_observe"'
            f',"settings":{self._settings}}},"merchant":{quoted(received.merchant)}'
            f',"order":"{self._monotonic()}","peer":"{self._peer(received.peer)}"'
            f',"request":{{"kind":"{kind}","method":{quoted(request.method)}'
            f',"octets":{len(request.body)},"operation":{quoted(operation)}'
            f',"path":{quoted(self._path(path, template))}}}'
            f',"time":"{_time(self._wall())}","type":"received","v":1}}'
        )
        return record.encode()

    def completed(
        self,
        audit_id: str,
        merchant: str,
        *,
        decision: str,
        outcome: str,
        status: int,
        octets: int | None = None,
        duration: int = 0,
        refusal: Refusal | None = None,
    ) -> bytes:
        """Return the record of what became of a request; ``duration`` in nanoseconds."""
        code = reason = size = ""
        if refusal is not None:
            code = f',"code":"{refusal.code.name}"'
            reason = f',"reason":{quoted(refusal.reason)}'
        if octets is not None:
            size = f',"octets":{octets}'
        record = (
            f'{{"audit_id":"{audit_id}"{code},"decision":"{decision}","duration":{duration}'
            f',"merchant":{quoted(merchant)}{size},"order":"{self._monotonic()}"'
            f',"outcome":"{outcome}"{reason},"status":{status}'
            f',"time":"{_time(self._wall())}","type":"completed","v":1}}'
        )
        return record.encode()

    def denied(
        self,
        audit_id: str,
        merchant: str,
        peer: str,
        status: int,
        refusal: Refusal,
        *,
        operation: str = "",
        caller: Caller | None = None,
    ) -> bytes:
        """Return the record of a refusal of something that was not received for the log."""
        who = "" if caller is None else f',"caller":{_caller(caller[:7], caller.key)}'
        whose = f',"merchant":{quoted(merchant)}' if merchant else ""
        what = f',"operation":{quoted(operation)}' if operation else ""
        record = (
            f'{{"audit_id":"{audit_id}"{who},"code":"{refusal.code.name}"{whose}{what}'
            f',"order":"{self._monotonic()}","peer":"{self._peer(peer)}"'
            f',"reason":{quoted(refusal.reason)},"status":{status}'
            f',"time":"{_time(self._wall())}","type":"denied","v":1}}'
        )
        return record.encode()

    def other(self, kind: str, **members: object) -> bytes:
        """Return a record of another type; members that are None are left out."""
        record = {name: value for name, value in members.items() if value is not None}
        record |= {"type": kind, "v": 1, "order": f"{self._monotonic()}"}
        record["time"] = _time(self._wall())
        # Texts, whole numbers and ASCII names only: then this is RFC 8785's form.
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        octets = text.encode()
        if len(octets) > MOST_RECORD:
            raise ValueError(f"a record of {len(octets)} octets")
        return octets

    def time(self) -> str:
        """Return the time as records have it."""
        return _time(self._wall())

    def _path(self, path: str, template: str) -> str:
        """Return the operation's path with a hash in the place of each id."""
        if "{" not in template:
            return template
        # Both have as many segments from the end; what is before them is the endpoint's prefix.
        patterns = template.split("/")
        given = path.split("/")[-len(patterns) + 1 :]
        parts = [
            self._hash("path", part) if pattern.startswith("{") else pattern
            for pattern, part in zip(patterns[1:], given, strict=True)
        ]
        return "/" + "/".join(parts)

    def _signature(self, caller: Caller, audit_id: str) -> str:
        base = caller.signature_base
        name, hashed = _HASHES.get(caller.key.algorithm, ("none", None))
        # Of an older scheme it is the signing input of a JWS, with the body in it.
        kept_whole = caller.scheme == "rfc9421" and len(base) <= _MOST_BASE
        sealed = self._seal(audit_id, base) if kept_whole else None
        kept = "" if sealed is None else f'"base":"{sealed}",'
        if hashed is not None:
            digest = b2a_base64(hashed(base).digest(), newline=False).decode("ascii")
            kept += f'"base_hash":"{digest}",'
        if caller.created is not None:
            kept += f'"created":{caller.created},'
        if caller.expires is not None:
            kept += f'"expires":{caller.expires},'
        value = b2a_base64(caller.signature, newline=False).decode("ascii")
        return f'{{{kept}"hash":"{name}","value":"{value}"}}'


@lru_cache(maxsize=1024)
def _caller(fields: tuple[str, ...], key: Key) -> str:
    identity, keyid, thumbprint, scheme, label, tier, version = fields
    labelled = f'"label":{quoted(label)},' if label else ""
    public = json.dumps(
        {name: value for name, value in key.public_jwk().items() if name in _PUBLIC},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return (
        f'{{"identity":{quoted(identity)},"key":{public},"keyid":{quoted(keyid)},{labelled}'
        f'"scheme":"{scheme}","thumbprint":"{thumbprint}","tier":{quoted(tier)}'
        f',"version":{quoted(version)}}}'
    )


_PUBLIC: Final = frozenset({"kty", "crv", "x", "y"})


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, _SECOND)
    return f"{_second(seconds)}.{rest:09d}Z"
