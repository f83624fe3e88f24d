"""Notes and checkpoints: what is signed is opened, and nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from connector.audit.checkpoint import (
    Checkpoint,
    NoteError,
    NoteSigner,
    NoteVerifier,
    open_note,
    sign_note,
)

SIGNER = NoteSigner("log.example/0", Ed25519PrivateKey.from_private_bytes(b"s" * 32))
OTHER = NoteSigner("log.example/0", Ed25519PrivateKey.from_private_bytes(b"o" * 32))
VERIFIER = NoteVerifier.parse(SIGNER.vkey)
TEXT = Checkpoint("log.example/0", 42, b"r" * 32).text()
NOTE = sign_note(TEXT, [SIGNER])

# The example of Go's sumdb/note package (its documentation).
_GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
_GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZ"
    "b6KE6RyyBwJnAM=\n"
)


def test_a_note_that_another_implementation_signed_is_opened() -> None:
    text = open_note(_GO_NOTE, [NoteVerifier.parse(_GO_VKEY)])
    assert text.startswith("If you think cryptography")


def test_a_checkpoint_is_three_lines_and_comes_back() -> None:
    assert TEXT == "log.example/0\n42\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n"
    assert Checkpoint.parse(open_note(NOTE, [VERIFIER])) == Checkpoint(
        "log.example/0", 42, b"r" * 32
    )


def test_with_two_keys_either_opens_it() -> None:
    both = sign_note(TEXT, [OTHER, SIGNER])
    assert open_note(both, [VERIFIER]) == TEXT
    assert open_note(both, [NoteVerifier.parse(OTHER.vkey)]) == TEXT


@given(st.integers(0, len(NOTE) - 1), st.characters(max_codepoint=0x2FF))
def test_whatever_is_changed_it_is_not_opened_as_something_else(at: int, put: str) -> None:
    changed = NOTE[:at] + put + NOTE[at + 1 :]
    try:
        assert open_note(changed, [VERIFIER]) == TEXT
    except NoteError:
        assert changed != NOTE


@pytest.mark.parametrize(
    "note",
    [
        "", TEXT, f"{TEXT}\n", NOTE[:-1], NOTE.replace("— ", "- "), f"{NOTE}\n", f"{NOTE}more\n",
        NOTE.replace("42", "43"), sign_note(TEXT, [OTHER]), sign_note("tab\there\n", [SIGNER]),
        f"{TEXT}\n" + SIGNER.line(TEXT) * 101, "x" * 70_000,
    ],
)  # fmt: skip
def test_a_note_that_is_none_or_nobodys_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        open_note(note, [VERIFIER])


@pytest.mark.parametrize(
    "vkey",
    [
        "", "name", SIGNER.vkey[:-4], SIGNER.vkey.replace("log", "lug"), f"+{SIGNER.vkey}",
        SIGNER.vkey.replace("+A", "+B"), SIGNER.vkey + "A",
    ],
)  # fmt: skip
def test_a_key_that_is_none_is_refused(vkey: str) -> None:
    assert vkey != SIGNER.vkey
    with pytest.raises(NoteError):
        NoteVerifier.parse(vkey)


@pytest.mark.parametrize(
    "text",
    ["", "a\n1\n", "a\n01\ncg==\n", "a\n-1\n" + "A" * 43 + "=\n", "\n1\n" + "A" * 43 + "=\n",
     "a\n1\n" + "A" * 42 + "B=\n", f"{TEXT}more\n"],
)  # fmt: skip
def test_a_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(text)
