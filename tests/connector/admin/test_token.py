from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest

from connector.admin.token import TokenFile, TokenFileError

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "c0ffee" * 6
OTHER = "decade" * 6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def replace(path: Path, text: str) -> None:
    """Put another file in place, as Kubernetes and careful editors do."""
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(path)


def test_the_token_of_the_file_is_accepted(path: Path) -> None:
    token = TokenFile(path)
    assert token.accepts(f"Bearer {TOKEN}".encode())
    assert token.accepts(f"bearer  {TOKEN}".encode())


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        TOKEN.encode(),
        f"Basic {TOKEN}".encode(),
        f"Bearer {OTHER}".encode(),
        f"Bearer {TOKEN[:-1]}".encode(),
        f"Bearer {TOKEN}x".encode(),
        f"Bearer {TOKEN}, Bearer {TOKEN}".encode(),
        f"Bearer {TOKEN.upper()}".encode(),
        b"Bearer \xff",
    ],
)
def test_anything_else_is_refused(path: Path, value: bytes) -> None:
    assert not TokenFile(path).accepts(value)


@pytest.mark.parametrize("text", ["", "\n", "short", "two words of a token here", "ü" * 20])
def test_a_file_without_a_token_is_refused_at_the_start(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(TokenFileError, match="does not hold one token") as caught:
        TokenFile(path)
    assert not text.strip() or text not in str(caught.value)


def test_a_file_larger_than_any_token_is_refused(path: Path) -> None:
    path.write_text("a" * 5000)
    with pytest.raises(TokenFileError):
        TokenFile(path)


def test_a_file_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match="cannot be read: No such file"):
        TokenFile(tmp_path / "token")


def test_a_new_token_counts_from_the_next_request_on(path: Path) -> None:
    token = TokenFile(path)
    replace(path, OTHER)
    assert token.accepts(f"Bearer {OTHER}".encode())
    assert not token.accepts(f"Bearer {TOKEN}".encode())


def test_a_file_that_is_written_in_place_is_read_again(path: Path) -> None:
    token = TokenFile(path)
    path.write_text(OTHER)
    os.utime(path, ns=(1, 1))
    assert token.accepts(f"Bearer {OTHER}".encode())


def test_without_a_usable_file_nobody_is_let_in_until_it_is_mended(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = TokenFile(path)
    with caplog.at_level(logging.WARNING):
        path.unlink()
        assert not token.accepts(f"Bearer {TOKEN}".encode())
        assert not token.accepts(f"Bearer {TOKEN}".encode())
        path.write_text("bad")
        assert not token.accepts(b"Bearer bad")
    path.write_text(TOKEN)
    assert token.accepts(f"Bearer {TOKEN}".encode())
    assert len(caplog.records) == 1
    assert TOKEN not in caplog.text
