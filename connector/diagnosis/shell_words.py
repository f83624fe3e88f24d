"""A command line taken apart as a POSIX shell does, ``$'...'`` included.

Only what stands for itself is read. What a shell would fill in or act on (variables, pipes) is an
error that says so, for nobody runs anything here.
"""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[^\s'\"\\$`|&;<>()#]+|(?<=\S)#").match
_BLANKS: Final = re.compile(r"(?:[ \t\r\n]|\\\r?\n)+").match
_SINGLE: Final = re.compile(r"'([^']*)'").match
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL).match
_DOUBLE_ESCAPE: Final = re.compile(r"\\(\r?\n|[$`\"\\])")
_EXPANDED: Final = re.compile(r"(?:\\.|[^\\$`])*[$`]", re.DOTALL).match
_ANSI: Final = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL).match
# ISO/IEC 9945 section 2.2.4 (POSIX.1-2024, dollar-single-quotes), and bash's \u and \U.
_ANSI_ESCAPE: Final = re.compile(
    r"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|[0-7]{1,3}|.)", re.DOTALL
)
_ANSI_LETTERS: Final = {
    "a": b"\a",
    "b": b"\b",
    "e": b"\x1b",
    "f": b"\f",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
    "\\": b"\\",
    "'": b"'",
    '"': b'"',
    "?": b"?",
}


class ShellError(ValueError):
    """A command line that does not stand for itself; the text says what it needs a shell for."""


def split(line: str) -> list[bytes]:
    """Return the words of one command as octets; raises ShellError."""
    words: list[bytes] = []
    word: bytes | None = None
    at = 0
    while at < len(line):
        blanks = _BLANKS(line, at)
        if blanks is not None:
            # A backslash at the end of a line joins; it ends no word by itself.
            if word is not None and blanks[0].replace("\\\r\n", "").replace("\\\n", ""):
                words.append(word)
                word = None
            at = blanks.end()
            continue
        octets, at = _piece(line, at)
        word = octets if word is None else word + octets
    return words if word is None else [*words, word]


def _piece(line: str, at: int) -> tuple[bytes, int]:
    """Read one quoted or plain piece of a word."""
    match = _PLAIN(line, at)
    if match is not None:
        return _octets(match[0]), match.end()
    char = line[at]
    if char == "\\":
        if at + 1 == len(line):
            raise ShellError("the command line ends in a backslash")
        return _octets(line[at + 1]), at + 2
    if char == "'":
        match = _SINGLE(line, at)
        text = "" if match is None else match[1]
    elif char == '"':
        match = _DOUBLE(line, at)
        text = "" if match is None else _double(match[1])
    elif line.startswith("$'", at):
        match = _ANSI(line, at)
        if match is not None:
            return _ansi(match[1]), match.end()
        text = ""
    else:
        raise ShellError(_meant_for_a_shell(line, at))
    if match is None:
        raise ShellError("a quote is not closed")
    return _octets(text), match.end()


def _double(text: str) -> str:
    if _EXPANDED(text) is not None:
        raise ShellError('"..." holds a $ or ` that only a shell can fill in; write its value')
    return _DOUBLE_ESCAPE.sub(lambda match: "" if "\n" in match[1] else match[1], text)


def _ansi(text: str) -> bytes:
    octets = b""
    at = 0
    for match in _ANSI_ESCAPE.finditer(text):
        octets += _octets(text[at : match.start()]) + _escape(match[1])
        at = match.end()
    return octets + _octets(text[at:])


def _escape(code: str) -> bytes:
    kind, digits = code[0], code[1:]
    if kind == "x" and digits:
        return bytes([int(digits, 16)])
    if kind in "uU" and digits:
        number = int(digits, 16)
        if number > 0x10FFFF:
            raise ShellError(f"$'...' holds \\{code}, which is no character")
        return chr(number).encode("utf-8", "surrogatepass")
    if kind in "01234567":
        return bytes([int(code, 8) & 0xFF])
    letter = _ANSI_LETTERS.get(code)
    return b"\\" + _octets(code) if letter is None else letter


def _meant_for_a_shell(line: str, at: int) -> str:
    char = line[at]
    if char in "$`":
        return f"{char} stands where only a shell can fill something in; write its value"
    if char == "#":
        return "# begins a comment"
    return f"{char} stands without quotes: a shell would end the command there"


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
