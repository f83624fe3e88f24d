"""A signature base in parts, so that one part can be written as a mistaken signer writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError, serialize, signature_base

if TYPE_CHECKING:
    from collections.abc import Callable

    from canonical import Request, Signature


class Line(NamedTuple):
    """One line: the identifier with its quotes, and the value; None where it has none."""

    identifier: str
    value: str | None


class Draft(NamedTuple):
    """A base before its parts are joined (RFC 9421 section 2.5)."""

    lines: tuple[Line, ...]
    parameters: Line | None
    """The last line."""
    colon: str = ": "
    end: str = "\n"
    """What stands between two lines."""
    before: str = ""
    after: str = ""

    def with_value(self, number: int, value: str | None) -> Draft:
        """Return the draft with another value in one line."""
        line = self.lines[number]._replace(value=value)
        return self._replace(lines=(*self.lines[:number], line, *self.lines[number + 1 :]))

    def without(self, number: int) -> Draft:
        """Return the draft without one line."""
        return self._replace(lines=self.lines[:number] + self.lines[number + 1 :])

    def with_parameters(self, text: str) -> Draft:
        """Return the draft with another value of ``@signature-params``."""
        if self.parameters is None:
            return self
        return self._replace(parameters=self.parameters._replace(value=text))


# In which order edits that are made together are made: an order of lines is chosen last.
VALUE: Final = 0
IDENTIFIERS: Final = 1
PARAMETERS: Final = 2
LINES: Final = 3
JOINS: Final = 4


class Edit(NamedTuple):
    """A mistake as what it does to a draft. Edits of different slots can be made together."""

    cause: str
    rank: int
    slot: tuple[int, int]
    apply: Callable[[Draft], Draft]
    common: bool = True
    """Common enough to be tried together with others."""


def value_edit(cause: str, number: int, value: str | None, *, common: bool = True) -> Edit:
    """Return the edit that puts another value into one line."""
    return Edit(
        cause, VALUE, (VALUE, number), lambda draft: draft.with_value(number, value), common
    )


def parameters_edit(cause: str, text: str, *, common: bool = True) -> Edit:
    """Return the edit that writes ``@signature-params`` otherwise."""
    return Edit(
        cause, PARAMETERS, (PARAMETERS, 0), lambda draft: draft.with_parameters(text), common
    )


def join_edit(cause: str, *, common: bool = True, **parts: str) -> Edit:
    """Return the edit that joins the parts otherwise: ``colon``, ``end``, ``before``, ``after``."""

    def apply(draft: Draft) -> Draft:
        return Draft(**{**draft._asdict(), **parts})

    return Edit(cause, JOINS, (JOINS, 0), apply, common)


def applied(draft: Draft, *edits: Edit) -> Draft:
    """Return the draft after all of these edits."""
    for edit in sorted(edits, key=lambda each: each.rank):
        draft = edit.apply(draft)
    return draft


def draft_of(request: Request, signature: Signature) -> Draft:
    """Take the base of a signature apart; a component without a value has None."""
    lines = []
    for component in signature.components:
        identifier = serialize(component)
        try:
            first = signature_base(request, f"({identifier})").rpartition(b"\n")[0]
        except CanonicalError:
            lines.append(Line(identifier, None))
            continue
        value = first[len(identifier.encode()) + 2 :]
        lines.append(Line(identifier, value.decode("ascii")))
    return Draft(tuple(lines), Line('"@signature-params"', signature.member))


def rendered(draft: Draft) -> bytes | None:
    """Join the parts; None where a line has no value."""
    lines = list(draft.lines)
    if draft.parameters is not None:
        lines.append(draft.parameters)
    texts = []
    for line in lines:
        if line.value is None:
            return None
        texts.append(f"{line.identifier}{draft.colon}{line.value}")
    text = draft.before + draft.end.join(texts) + draft.after
    return text.encode("utf-8", "surrogateescape")
