"""Private keys from files: a JWK, a set of them, or PEM, which may be encrypted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from canonical import CanonicalError, load_key
from connector.cli.failure import CommandError
from connector.signing.key_document import private_jwk

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from canonical import Key

# What makes the key; a file may say more about it (its state, when it was made).
_OF_A_KEY: Final = ("kid", "kty", "crv", "alg", "x", "y", "d")


class PrivateKey(NamedTuple):
    """A key that signs, and the private JWK that describes it."""

    key: Key
    jwk: dict[str, Any]

    def __repr__(self) -> str:
        return repr(self.key)  # the JWK is a secret


def read_private_key(
    path: str, kid: str | None, passphrase: Callable[[], bytes] | None = None
) -> PrivateKey:
    """Read the key to sign with; CommandError says why not.

    ``kid`` chooses one out of a set. ``passphrase`` is called where the key is encrypted.
    """
    data = Path(path).read_bytes()
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            jwk = _from_pem(data, passphrase)
        else:
            jwk = _from_json(data, kid)
        key = load_key(jwk)
    except (CanonicalError, ValueError) as error:
        # The texts of these name members and kinds, never values.
        raise CommandError(f"{path}: {error}") from error
    if not key.is_private:
        raise CommandError(f"{path}: a public key cannot sign")
    return PrivateKey(key, {name: jwk[name] for name in _OF_A_KEY if name in jwk})


def _from_json(data: bytes, kid: str | None) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("neither a JWK nor PEM") from None
    keys = document.get("keys") if isinstance(document, dict) else None
    if isinstance(keys, list):
        found = [entry for entry in keys if isinstance(entry, dict)]
        if len(found) != 1 or kid is not None:
            found = [entry for entry in found if entry.get("kid") == kid]
        if len(found) != 1:
            raise ValueError("a set of keys; --keyid must name one of them")
        return dict(found[0])
    if not isinstance(document, dict):
        raise ValueError("a JWK is a JSON object")  # noqa: TRY004 - one kind of error for one cause
    return document


def _from_pem(data: bytes, passphrase: Callable[[], bytes] | None) -> dict[str, Any]:
    return private_jwk(_open_pem(data, passphrase))


def _open_pem(data: bytes, passphrase: Callable[[], bytes] | None) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(data, password=None)
    except TypeError:  # how the library says that a passphrase is wanted
        pass
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("no private key in PEM") from None
    if passphrase is None:
        raise ValueError("the key is encrypted; name the variable with --passphrase-env")
    secret = passphrase()
    try:
        return load_pem_private_key(data, password=secret)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise ValueError("the passphrase does not open the key") from None
