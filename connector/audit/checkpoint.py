"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint) with Ed25519: pure.

A note is text that ends with a line end, an empty line, and lines ``— NAME BASE64``, each with four
octets that name the key and a signature over the text. A checkpoint is a note of three lines:
the log's origin, its size, and its root in base64.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ALGORITHM: Final = b"\x01"
_ID: Final = 4
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME: Final = re.compile(r"[^\s+]{1,255}")
_MAX_NOTE: Final = 65_536
_MAX_SIGNATURES: Final = 100


class NoteError(ValueError):
    """A note, a key or a checkpoint is malformed, or nobody known has signed it."""


class NoteVerifier(NamedTuple):
    """A public key as notes know it: ``NAME+HASH+BASE64``, a vkey."""

    name: str
    id: bytes
    key: Ed25519PublicKey

    @classmethod
    def parse(cls, vkey: str) -> NoteVerifier:
        """Read a vkey; raises NoteError."""
        name, _, rest = vkey.partition("+")
        named, _, encoded = rest.partition("+")
        octets = _decoded(encoded)
        if _NAME.fullmatch(name) is None or octets[:1] != _ALGORITHM or len(octets) != 33:
            raise NoteError("not a vkey of an Ed25519 key (NAME+HASH+BASE64)")
        identifier = key_id(name, octets[1:])
        if named != identifier.hex():
            raise NoteError("the vkey's hash is not that of its name and key")
        return cls(name, identifier, Ed25519PublicKey.from_public_bytes(octets[1:]))

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether this key has signed the text."""
        try:
            self.key.verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class NoteSigner(NamedTuple):
    """A private key with a name."""

    name: str
    key: Ed25519PrivateKey

    @property
    def vkey(self) -> str:
        """What verifies its notes."""
        public = self.key.public_key().public_bytes_raw()
        encoded = b64encode(_ALGORITHM + public).decode("ascii")
        return f"{self.name}+{key_id(self.name, public).hex()}+{encoded}"

    def line(self, text: str) -> str:
        """Return the signature line for a text."""
        identifier = key_id(self.name, self.key.public_key().public_bytes_raw())
        encoded = b64encode(identifier + self.key.sign(text.encode())).decode("ascii")
        return f"— {self.name} {encoded}\n"


def key_id(name: str, public: bytes) -> bytes:
    """Return the four octets that name a key in notes."""
    return sha256(name.encode() + b"\n" + _ALGORITHM + public).digest()[:_ID]


def sign_note(text: str, signers: Iterable[NoteSigner]) -> str:
    """Return the note; ``text`` ends with a line end."""
    return f"{text}\n{''.join(signer.line(text) for signer in signers)}"


def open_note(note: str, verifiers: Sequence[NoteVerifier]) -> str:
    """Return the text of a note that at least one of the verifiers has signed; raises NoteError.

    A signature that names one of them and is wrong spoils the note; unknown ones do not count.
    """
    if len(note) > _MAX_NOTE:
        raise NoteError("the note is too long")
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise NoteError("no signatures behind an empty line")
    text += "\n"
    if any(ord(each) < 0x20 and each != "\n" for each in text):
        raise NoteError("a control character in the text")
    known = {(each.name, each.id): each for each in verifiers}
    signed = 0
    signatures = lines[:-1].split("\n")
    if len(signatures) > _MAX_SIGNATURES:
        raise NoteError("too many signatures")
    for line in signatures:
        mark, name, encoded, *more = [*line.split(" "), "", ""]
        octets = _decoded(encoded)
        if mark != "—" or not name or len(octets) <= _ID or any(more):
            raise NoteError("a signature line that is none")
        verifier = known.get((name, octets[:_ID]))
        if verifier is None:
            continue
        if not verifier.verifies(text, octets[_ID:]):
            raise NoteError(f"the signature of {name} is wrong")
        signed += 1
    if not signed:
        raise NoteError("signed by nobody who is known")
    return text


class Checkpoint(NamedTuple):
    """What a log has committed to: its first ``size`` entries and the hash of the tree of them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode('ascii')}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note; raises NoteError."""
        origin, size, encoded, *more = [*text.split("\n"), "", ""]
        if not origin or _SIZE.fullmatch(size) is None or any(more):
            raise NoteError("not a checkpoint")
        octets = _decoded(encoded)
        if len(octets) != sha256().digest_size:
            raise NoteError("not a checkpoint: its root is not 32 octets")
        return cls(origin, int(size), octets)


def _decoded(text: str) -> bytes:
    """Decode base64 of one spelling only; raises NoteError."""
    try:
        octets = b64decode(text, validate=True)
    except ValueError as error:
        raise NoteError("not base64") from error
    if b64encode(octets).decode("ascii") != text:
        raise NoteError("base64 with stray bits")
    return octets
