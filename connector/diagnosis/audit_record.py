"""A ``received`` record of the audit log: its signature is verified again without the request.

The log keeps no body, and hashes or seals what else could tell of a person, so that no request can
be rebuilt from a record. It holds what ECDSA needs: the public key, the signature, and the hash of
the signature base. The base itself is sealed; who signed has it, too. docs/audit-log.md describes
the members.
"""

from __future__ import annotations

from hashlib import sha256, sha384
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from canonical import CanonicalError, canonicalize, load_key
from canonical.base64 import decode
from canonical.ecdsa import ecdsa_verifies
from connector.audit.records import Received, RecordError, parse_record
from connector.diagnosis.masking import base_lines
from connector.diagnosis.raw_request import RawRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from canonical import Key
    from connector.audit.records import Caller, Signature

_HASHES: Final[dict[str, tuple[str, Callable[[bytes], Any], hashes.HashAlgorithm]]] = {
    "ES256": ("sha-256", sha256, hashes.SHA256()),
    "ES384": ("sha-384", sha384, hashes.SHA384()),
}
_RECORD: Final = "record"
"""The member of a line of ``audit show`` that has the record."""


class RecordCheck(NamedTuple):
    """One check of a record; ``explanation`` is empty where it went well."""

    step: str
    explanation: str


class RecordExplanation(NamedTuple):
    """What a record proves."""

    audit_id: str
    keyid: str
    thumbprint: str
    checks: tuple[RecordCheck, ...]
    base: tuple[str, ...]
    """The signer's base where it is the one that was signed, secrets masked."""

    @property
    def good(self) -> bool:
        """Whether every check went well."""
        return not any(check.explanation for check in self.checks)


def looks_like_record(document: dict[str, Any]) -> bool:
    """Whether a JSON object is an audit record, or a line of ``audit show`` with one."""
    record = document.get(_RECORD, document)
    return isinstance(record, dict) and {"type", "v", "order"} <= record.keys()


def explain_record(document: dict[str, Any], their_base: bytes | None = None) -> RecordExplanation:
    """Verify the recorded signature over the recorded hash; raises RawRequestError.

    ``their_base`` is the signer's own base: it is held against the hash.
    """
    record = _received(document.get(_RECORD, document))
    caller, signature = record.caller, record.signature
    if caller is None or caller.key is None or signature is None:
        raise RawRequestError("this audit record is of a request that was forwarded unverified")
    try:
        key = load_key(caller.key.model_dump(exclude_none=True))
    except CanonicalError as error:
        raise RawRequestError(f"the audit record's key: {error}") from error
    checks = [_thumbprint(caller, key)]
    if key.algorithm in _HASHES:
        checks += _over_hash(signature, key, their_base)
    else:
        checks.append(_over_base(signature, key, their_base))
    base = b"" if their_base is None or checks[-1].explanation else their_base.removesuffix(b"\n")
    # Under an older scheme the base holds the body, which is never shown.
    shown = base.isascii() and caller.scheme == "rfc9421"
    return RecordExplanation(
        record.audit_id,
        caller.keyid,
        caller.thumbprint,
        tuple(checks),
        base_lines(base) if base and shown else (),
    )


def _received(document: object) -> Received:
    try:
        record = parse_record(canonicalize(document))
    except (RecordError, CanonicalError) as error:
        raise RawRequestError(f"the audit record: {error}") from error
    if not isinstance(record, Received):
        raise RawRequestError("only an audit record of the type received has a signature")
    return record


def _thumbprint(caller: Caller, key: Key) -> RecordCheck:
    same = caller.thumbprint == key.thumbprint
    return RecordCheck("thumbprint", "" if same else f"the key's thumbprint is {key.thumbprint}")


def _over_hash(signature: Signature, key: Key, theirs: bytes | None) -> list[RecordCheck]:
    """ECDSA is verified from the hash alone (RFC 9421 section 3.3.4)."""
    name, hashed, algorithm = _HASHES[key.algorithm]
    if signature.hash != name:
        raise RawRequestError(f"the audit record's hash is not {name}, over which its key signs")
    digest = _decoded(signature.base_hash or "", "base_hash")
    verifies = ecdsa_verifies(key, _decoded(signature.value, "value"), digest, Prehashed(algorithm))
    fault = "" if verifies else "it does not verify with the recorded key"
    checks = [RecordCheck("signature over the recorded hash", fault)]
    if theirs is not None:
        same = digest in (hashed(theirs).digest(), hashed(theirs.removesuffix(b"\n")).digest())
        fault = "" if same else "its hash is not the recorded one: another request was signed"
        checks.append(RecordCheck("signer's base against the recorded hash", fault))
    return checks


def _over_base(signature: Signature, key: Key, theirs: bytes | None) -> RecordCheck:
    """Ed25519 signs the base itself (RFC 8032 section 5.1.6): without it nothing can be said."""
    if theirs is None:
        raise RawRequestError(
            "an Ed25519 signature needs the signature base: give --their-base,"
            " or open the sealed one with audit reverify"
        )
    value = _decoded(signature.value, "value")
    fault = "it does not verify over this base"
    for text in (theirs, theirs.removesuffix(b"\n")):
        try:
            key.verify(value, text)
        except CanonicalError:
            continue
        fault = ""
    return RecordCheck("signature over the signer's base", fault)


def _decoded(text: str, name: str) -> bytes:
    try:
        return decode(text)
    except CanonicalError as error:
        raise RawRequestError(f"the audit record's {name}: {error}") from error
