"""The errors of the canonical core: one root, and the kinds that a caller tells apart."""

from __future__ import annotations


class CanonicalError(Exception):
    """A message, field, key or value that the rules do not allow.

    The text says what was wrong first and names the component, member or key concerned. It never
    holds a body or private key material. It is the only exception that leaves this package for
    bad input.
    """


class SignatureInvalid(CanonicalError):  # noqa: N818 - the name is part of the public interface
    """A signature that does not verify with the key over the data."""


class KeyNotFound(CanonicalError):  # noqa: N818 - the name is part of the public interface
    """No key of the set answers to the wanted kid."""


class AlgorithmUnsupported(CanonicalError):  # noqa: N818 - the name is part of the public interface
    """The key with the wanted kid is of a kind that is not known, or is malformed."""


class DuplicateKey(CanonicalError):  # noqa: N818 - the name is part of the public interface
    """Two different keys of the set answer to the wanted kid."""
