"""The callers' signatures once more, years later, from the log alone: pure.

ECDSA signs a hash, so that the recorded hash of the signature base is enough. Ed25519 signs the
base itself (RFC 8032 section 5.1.6), which has to be unsealed with the evidence key. Under an older
scheme the base is the JWS signing input.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256, sha384
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from canonical import CanonicalError, load_key
from canonical.base64 import decode
from canonical.ecdsa import ecdsa_verifies
from canonical.signatures import read_member
from connector.audit.redaction import EvidenceKeyMissing, Unopened

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from canonical import Key
    from connector.audit.records import Caller, PublicKey, Received, Signature
    from connector.audit.redaction import EvidenceSealer

Result = Literal["verified", "unverifiable", "wrong"]

_PARAMETERS: Final = b'"@signature-params": '
_MOST_KEYS: Final = 1024


class _Hash(NamedTuple):
    """What a curve's signatures are over (RFC 9421 sections 3.3.4 and 3.3.5, RFC 7518 3.4)."""

    name: str
    of: Callable[[bytes], Any]
    algorithm: Prehashed


_HASHES: Final = {
    "ES256": _Hash("sha-256", sha256, Prehashed(hashes.SHA256())),
    "ES384": _Hash("sha-384", sha384, Prehashed(hashes.SHA384())),
}


class Reverified(NamedTuple):
    """What a record proves of its caller's signature."""

    result: Result
    reason: str = ""
    """Why it is not verified; empty where it is."""
    base_opened: bool = False
    """Whether the base could be read, and is what the hash and the record say."""


class _Wrong(Exception):  # noqa: N818 - what a record is, in one sentence
    """The record contradicts itself."""


def reverify(record: Received, sealer: EvidenceSealer) -> Reverified:
    """Verify a request's signature again, with the evidence keys that ``sealer`` has.

    It is wrong where the signature does not verify, or key, thumbprint, hash and base do not
    belong together; unverifiable where something is missing that the log never had or that is
    sealed.
    """
    caller, signature = record.caller, record.signature
    if caller is None or caller.key is None or signature is None:
        return Reverified("unverifiable", "it was forwarded unverified: nobody proved anything")
    try:
        key = _key_of(caller, caller.key)
        base, missing = _base_of(record.audit_id, signature, sealer)
        if base is not None and caller.scheme == "rfc9421":
            _check_parameters(base, caller, signature)
        hashed = _hash_of(key, signature)
        if hashed is not None:
            _verify_hash(key, signature, hashed, base)
        elif base is None:
            return Reverified("unverifiable", f"an Ed25519 signature needs its base: {missing}")
        else:
            key.verify(decode(signature.value), base)
    except _Wrong as error:
        return Reverified("wrong", str(error))
    except CanonicalError as error:
        return Reverified("wrong", f"its signature: {error}")
    return Reverified("verified", base_opened=base is not None)


def _key_of(caller: Caller, jwk: PublicKey) -> Key:
    try:
        key = _loaded(jwk)
    except CanonicalError as error:
        raise _Wrong(f"its key: {error}") from None
    if key.thumbprint != caller.thumbprint:
        raise _Wrong("its thumbprint is not that of its key (RFC 7638)")
    if key.kid is not None and key.kid != caller.keyid:
        raise _Wrong("its keyid is not that of its key")
    return key


@lru_cache(maxsize=_MOST_KEYS)
def _loaded(jwk: PublicKey) -> Key:
    """Load a key; platforms come again and again."""
    return load_key(jwk.model_dump(exclude_none=True))


def _base_of(
    audit_id: str, signature: Signature, sealer: EvidenceSealer
) -> tuple[bytes | None, str]:
    """Return the base, or why there is none."""
    if signature.base is None:
        return None, "it was not kept"
    try:
        return sealer.open(audit_id, signature.base), ""
    except EvidenceKeyMissing as error:
        return None, str(error)
    except Unopened as error:
        raise _Wrong(f"its sealed base: {error}") from None


def _check_parameters(base: bytes, caller: Caller, signature: Signature) -> None:
    """Hold the record against what was signed (RFC 9421 section 2.3)."""
    line = base.rpartition(b"\n")[2]
    if not line.startswith(_PARAMETERS):
        raise _Wrong("its base is not one of RFC 9421")
    try:
        parameters = read_member(line.removeprefix(_PARAMETERS)).parameters
    except CanonicalError as error:
        raise _Wrong(f"its base is not one of RFC 9421: {error}") from None
    for name, recorded in (
        ("keyid", caller.keyid),
        ("created", signature.created),
        ("expires", signature.expires),
    ):
        if parameters.get(name) != recorded:
            raise _Wrong(f"its base has another {name} than the record")


def _hash_of(key: Key, signature: Signature) -> _Hash | None:
    """Return what the key's signatures are over; None where that is the base itself."""
    hashed = _HASHES.get(key.algorithm)
    if signature.hash != ("none" if hashed is None else hashed.name):
        raise _Wrong(f"its hash is not that of a key for {key.algorithm}")
    return hashed


def _verify_hash(key: Key, signature: Signature, hashed: _Hash, base: bytes | None) -> None:
    recorded = decode(signature.base_hash or "")
    if base is not None and hashed.of(base).digest() != recorded:
        raise _Wrong("its base has another hash than the one that is recorded")
    if not ecdsa_verifies(key, decode(signature.value), recorded, hashed.algorithm):
        raise _Wrong("its signature does not verify with its key")
