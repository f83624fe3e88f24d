"""What was signed in place of the right base: mistakes that ``explain`` knows, tried in turn."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING

from connector.diagnosis.causes.draft import (
    IDENTIFIERS,
    Edit,
    applied,
    draft_of,
    rendered,
    value_edit,
)
from connector.diagnosis.causes.encodings import encoded_bases, other_payloads
from connector.diagnosis.causes.evidence import Evidence
from connector.diagnosis.causes.header_syntax import Mended
from connector.diagnosis.causes.proof import variants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canonical import Request, Signature
    from connector.diagnosis.causes.draft import Draft

Move = Callable[[str], str]
"""Moves a text of the case to where it is sent: URLs, authority and times."""


def pairs(
    old: tuple[Request, Signature], new: tuple[Request, Signature], move: Move
) -> Iterator[tuple[bytes, bytes]]:
    """Yield what may have been signed of the old request, and the same of the new one.

    Nothing where the new base is not the old one moved as a text, for then no other one is either.
    """
    mine, others = rendered(draft_of(*old)), rendered(draft_of(*new))
    if mine is not None and (others is None or _moved(mine, move) != others):
        return
    for base in _mistaken(*old):
        yield base, _moved(base, move)
    if mine is not None and others is not None:
        yield from _second(encoded_bases(mine), encoded_bases(others))
    yield from _second(
        *(
            other_payloads(Evidence(request, now=0), signature.member)
            for request, signature in (old, new)
        )
    )


def _mistaken(request: Request, signature: Signature) -> Iterator[bytes]:
    draft = draft_of(request, signature)
    evidence = Evidence(request, now=0)
    seen = set()
    edits = variants(draft, evidence, Mended((), signature))
    for edit in chain(edits, _in_one_line(draft, request)):
        base = rendered(applied(draft, edit))
        if base is not None and base not in seen:
            seen.add(base)
            yield base


def _in_one_line(draft: Draft, request: Request) -> Iterator[Edit]:
    """Yield mistakes in one line that are not worth an explanation of their own."""
    for number, line in enumerate(draft.lines):
        name = line.identifier.strip('"')
        for sent, value in request.headers:
            field, text = sent.decode("latin-1"), value.decode("latin-1")
            if name == field.lower():
                yield value_edit("as it was sent, white space included", number, text)
                yield _named("as it was sent", number, f'"{field}"')
            elif name == "@authority" and field.lower() == "host":
                yield value_edit("in the case that was sent", number, text.partition(":")[0])


def _named(cause: str, number: int, identifier: str) -> Edit:
    def apply(draft: Draft) -> Draft:
        line = draft.lines[number]._replace(identifier=identifier)
        return draft._replace(lines=(*draft.lines[:number], line, *draft.lines[number + 1 :]))

    return Edit(cause, IDENTIFIERS, (IDENTIFIERS, number), apply)


def _second(
    mine: Iterator[tuple[str, bytes]], others: Iterator[tuple[str, bytes]]
) -> Iterator[tuple[bytes, bytes]]:
    """Both are told by what they are, and come in the same order."""
    for (_, old), (_, new) in zip(mine, others, strict=True):
        yield old, new


def _moved(base: bytes, move: Move) -> bytes:
    return move(base.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
