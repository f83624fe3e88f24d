"""Which key a signature names, and whether it fits (ucp-rules sections 3.4 and 3.5): pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canonical import AlgorithmUnsupported, DuplicateKey, KeyNotFound
from connector.authentication.candidates import Fault, fault
from connector.authentication.policy import BOT_AUTH

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from canonical import Key, KeySet, Signature


def find_key(keyid: str, keys: KeySet, revoked: AbstractSet[str]) -> Key | Fault:
    """Find the usable key with this kid; one whose thumbprint is in ``revoked`` is none."""
    try:
        key = keys.get(keyid)
    # What an unverified request says of itself, its keyid too, is not for the decision line.
    except KeyNotFound:
        return fault("key", "key_not_found", "key_not_found", "no key has this keyid as its kid")
    except DuplicateKey:
        return fault("key", "signature_invalid", "duplicate_key", "different keys have this keyid")
    except AlgorithmUnsupported:
        return fault(
            "algorithm",
            "algorithm_unsupported",
            "algorithm_unsupported",
            "the key with this keyid is malformed or of a kind that is not supported",
        )
    if key.thumbprint in revoked:
        return revoked_key()
    return key


def fitting_key(signature: Signature, keys: KeySet, revoked: AbstractSet[str]) -> Key | Fault:
    """Find the key that the keyid names, and hold the signature's parameters against it."""
    parameters = signature.parameters
    keyid = str(parameters["keyid"])
    key = find_key(keyid, keys, revoked)
    if isinstance(key, Fault):
        return key
    if parameters.get("tag") == BOT_AUTH and keyid != key.thumbprint:
        return fault(
            "key", "signature_invalid", "bot_auth_keyid", "keyid is not the key's thumbprint"
        )
    alg = parameters.get("alg")
    # RFC 9421 section 2.3: a string, and no token.
    if alg is not None and (type(alg) is not str or alg != key.signature_algorithm):
        return fault(
            "algorithm",
            "signature_invalid",
            "alg_parameter",
            f"the alg parameter does not fit a key for {key.algorithm}",
        )
    return key


def revoked_key() -> Fault:
    """Return what becomes of a signature by a key that is revoked here."""
    return fault("key", "signature_invalid", "key_revoked", "the key is revoked here")
