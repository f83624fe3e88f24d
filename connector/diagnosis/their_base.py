"""The signer's own base beside the rebuilt one: the first line and octet that differ, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError
from connector.diagnosis.causes.cause import LIKELY, PROVEN, Finding
from connector.diagnosis.causes.draft import VALUE, applied, draft_of, rendered
from connector.diagnosis.causes.header_syntax import Mended
from connector.diagnosis.causes.profile_keys import key_readings
from connector.diagnosis.causes.proof import variants
from connector.diagnosis.masking import MASK, base_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.causes.draft import Draft, Edit
    from connector.diagnosis.causes.evidence import Evidence

MAX_BASE: Final = 65536
"""Octets of a base that is compared."""

_END: Final = "end of line"
_NO_LINE: Final = "no line"


class Difference(NamedTuple):
    """Where two bases part. Lines and columns count from 1; secrets are masked."""

    equal: bool
    verifies: bool | None
    """Whether the signature verifies over the signer's base; None without its key."""
    line: int = 0
    name: str = ""
    """The identifier of the component."""
    column: int = 0
    ours_octet: str = ""
    theirs_octet: str = ""
    ours: str = ""
    theirs: str = ""
    others: int = 0
    """How many further lines differ."""
    causes: tuple[Finding, ...] = ()


def compare(evidence: Evidence, theirs: bytes) -> Difference:
    """Compare the signer's base with the one that belongs to ``evidence.signature``.

    A line end behind a file's last line is taken for an editor's, unless the signature verifies
    over it.
    """
    signature = evidence.signature
    if signature is None:
        raise ValueError("there is no signature to rebuild a base for")
    draft = draft_of(evidence.request, signature)
    verifies = _verifies(evidence, theirs)
    if not verifies:
        shorter = theirs.removesuffix(b"\n").removesuffix(b"\r")
        over_shorter = _verifies(evidence, shorter)
        theirs, verifies = shorter, over_shorter
    ours = _text(draft)
    if ours == theirs:
        return Difference(equal=True, verifies=verifies)
    causes = tuple(_causes(evidence, draft, theirs))
    return _first(ours, theirs)._replace(verifies=verifies, causes=causes)


def _verifies(evidence: Evidence, base: bytes) -> bool | None:
    signature = evidence.signature
    if signature is None:
        return None
    keys = key_readings(evidence, signature.parameters.get("keyid"))
    named = next((reading.key for reading in keys if not reading.cause), None)
    if named is None:
        return None
    try:
        named.verify(signature.value, base)
    except CanonicalError:
        return False
    return True


def _text(draft: Draft) -> bytes:
    """Write the draft where a component is absent, too: its line is then left out."""
    lines = tuple(line for line in draft.lines if line.value is not None)
    return rendered(draft._replace(lines=lines)) or b""


def _first(ours: bytes, theirs: bytes) -> Difference:
    mine, other = ours.split(b"\n"), theirs.split(b"\n")
    longest = max(len(mine), len(other))
    pairs = [
        (mine[at] if at < len(mine) else None, other[at] if at < len(other) else None)
        for at in range(longest)
    ]
    differing = [number for number, (one, two) in enumerate(pairs) if one != two]
    number = differing[0]
    one, two = pairs[number]
    column = _column(one or b"", two or b"")
    name = (one or two or b"").partition(b": ")[0]
    ours_line, theirs_line = _shown(one), _shown(two)
    # A masked value's octets stay masked, too.
    secret = MASK in ours_line or MASK in theirs_line
    return Difference(
        equal=False,
        verifies=None,
        line=number + 1,
        name=name.decode("ascii", "backslashreplace")[:200],
        column=column + 1,
        ours_octet=MASK if secret else _octet(one, column),
        theirs_octet=MASK if secret else _octet(two, column),
        ours=ours_line,
        theirs=theirs_line,
        others=len(differing) - 1,
    )


def _column(one: bytes, two: bytes) -> int:
    shorter = min(len(one), len(two))
    return next((at for at in range(shorter) if one[at] != two[at]), shorter)


def _octet(line: bytes | None, column: int) -> str:
    if line is None:
        return _NO_LINE
    return f"{line[column : column + 1]!r}"[1:] if column < len(line) else _END


def _shown(line: bytes | None) -> str:
    if line is None:
        return _NO_LINE
    text = line.decode("ascii", "backslashreplace")
    return base_line(ascii(text)[1:-1].replace("\\\\x", "\\x"))


def _causes(evidence: Evidence, draft: Draft, theirs: bytes) -> Iterator[Finding]:
    """Find the mistakes that turn our base into theirs: one for all of it, or one for a line."""
    signature = evidence.signature
    if signature is None:
        return
    edits = list(variants(draft, evidence, Mended((), signature)))
    for edit in edits:
        if rendered(applied(draft, edit)) == theirs:
            yield Finding(edit.cause, PROVEN, "it turns the rebuilt base into the signer's")
            return
    plain = theirs
    if b"\r\n" in plain:
        yield Finding("crlf-in-base", PROVEN)
        plain = plain.replace(b"\r\n", b"\n")
    if b"\n" not in plain and b"\\n" in plain and len(draft.lines) > 0:
        yield Finding("line-ends-escaped", LIKELY, "unless the log that it is from wrote them so")
        plain = plain.replace(b"\\n", b"\n")
    lines = plain.decode("utf-8", "surrogateescape").split("\n")
    yield from _line_causes(draft, edits, lines)


def _line_causes(draft: Draft, edits: list[Edit], lines: list[str]) -> Iterator[Finding]:
    told = set()
    written = set(lines)
    for number, line in enumerate(draft.lines):
        if f"{line.identifier}: {line.value}" in written:
            continue
        for edit in edits:
            if edit.slot != (VALUE, number) or edit.cause in told:
                continue
            changed = applied(draft, edit)
            if len(changed.lines) != len(draft.lines):
                continue
            text = f"{line.identifier}: {changed.lines[number].value}"
            if text in written:
                told.add(edit.cause)
                yield Finding(edit.cause, LIKELY, f"line {lines.index(text) + 1}")
                break
    yield from _other_line_causes(draft, edits, lines, told)


def _other_line_causes(
    draft: Draft, edits: list[Edit], lines: list[str], told: set[str]
) -> Iterator[Finding]:
    """Look at what changes every line, or the last one, by its first line and its last."""
    for edit in edits:
        if edit.slot[0] == VALUE or edit.cause in told:
            continue
        changed = applied(draft, edit)
        if changed.parameters != draft.parameters and changed.parameters is not None:
            wanted = f"{changed.parameters.identifier}{changed.colon}{changed.parameters.value}"
            if wanted == lines[-1] and changed.lines == draft.lines:
                told.add(edit.cause)
                yield Finding(edit.cause, LIKELY, f"line {len(lines)}")
                continue
        if changed.lines != draft.lines and _identifiers(changed) == _identifiers_of(lines):
            told.add(edit.cause)
            yield Finding(edit.cause, LIKELY, "the identifiers are those of this mistake")
            return
    last = any(line.lstrip("\"'").startswith("@signature-params") for line in lines)
    if not last and "signature-params-missing" not in told:
        yield Finding("signature-params-missing", LIKELY)


def _identifiers(draft: Draft) -> list[str]:
    named = [line.identifier for line in draft.lines]
    return [*named, draft.parameters.identifier] if draft.parameters is not None else named


def _identifiers_of(lines: list[str]) -> list[str]:
    return [line.partition(": ")[0] for line in lines]
