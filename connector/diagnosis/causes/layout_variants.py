"""How mistaken signers put the lines of a base together (RFC 9421 sections 2.3 and 2.5)."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Final

from connector.diagnosis.causes.cause import table
from connector.diagnosis.causes.draft import (
    IDENTIFIERS,
    JOINS,
    LINES,
    PARAMETERS,
    Draft,
    Edit,
    Line,
    join_edit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector.diagnosis.causes.evidence import Evidence

CAUSES: Final = table(
    (
        "identifiers-unquoted",
        "The signer left the quotes around the component identifiers out of the base.",
        'Begin each line with the identifier in double quotes: "@method": POST.',
        "RFC 9421 section 2.5",
    ),
    (
        "field-names-capitalised",
        "The signer wrote the names of fields with capital letters.",
        "Write them in lower case, in Signature-Input and in the base.",
        "RFC 9421 section 2.1",
    ),
    (
        "component-parameters-dropped",
        "The signer left the parameters of a component identifier out of its line.",
        'Write the whole identifier, parameters included: "signature-agent";key="sig1".',
        "RFC 9421 section 2.5",
    ),
    (
        "no-space-after-colon",
        "The signer wrote no space, or a space too many, at the colon of each line.",
        "Put a colon and exactly one space between identifier and value.",
        "RFC 9421 section 2.5",
    ),
    (
        "crlf-in-base",
        "The signer ended the lines of the base with CR LF.",
        "Separate the lines with a single LF.",
        "RFC 9421 section 2.5",
    ),
    (
        "line-ends-escaped",
        "The signer separated the lines of the base with something that is no line end.",
        "Separate the lines with a single LF: one octet, not a backslash and an n.",
        "RFC 9421 section 2.5",
    ),
    (
        "trailing-newline",
        "The signer's base has a line end, or a space, before or behind it.",
        "End the base with the last octet of @signature-params.",
        "RFC 9421 section 2.5",
    ),
    (
        "components-reordered",
        "The lines of the signer's base are in another order than Signature-Input lists them in.",
        "Keep the order of the list, octet for octet, in both places.",
        "RFC 9421 section 2.5",
    ),
    (
        "component-left-out",
        "The signer listed a component and left its line out of the base.",
        "Write one line for each listed component.",
        "RFC 9421 section 2.5",
    ),
    (
        "signature-params-missing",
        "The signer's base lacks the last line, @signature-params.",
        'End the base with "@signature-params": and the member of Signature-Input.',
        "RFC 9421 section 2.3",
    ),
    (
        "signature-params-misplaced",
        "The line of @signature-params is not the last one, or not written as a line.",
        "Put it behind all other lines, with its identifier in quotes.",
        "RFC 9421 section 2.3",
    ),
)

# All orders of six lines are 720; more lines are tried in the orders that people choose.
_MAX_PERMUTED: Final = 6
_USUAL_ORDER: Final = (
    "@method",
    "@target-uri",
    "@authority",
    "@path",
    "@query",
    "content-type",
    "content-digest",
    "ucp-agent",
    "idempotency-key",
)


def edits(draft: Draft, evidence: Evidence) -> Iterator[Edit]:
    """Yield the layouts that mistaken signers give to a base."""
    yield from _identifiers(evidence)
    yield join_edit("no-space-after-colon", colon=":")
    yield join_edit("no-space-after-colon", colon=" : ")
    yield join_edit("crlf-in-base", end="\r\n")
    yield join_edit("crlf-in-base", end="\r\n", after="\r\n")
    for end in ("\\n", "", " ", ", "):
        yield join_edit("line-ends-escaped", end=end, common=False)
    for after in ("\n", "\r\n", " "):
        yield join_edit("trailing-newline", after=after)
    yield join_edit("trailing-newline", before="\n")
    yield from _last_line()
    yield from _left_out(draft)
    yield from _orders(draft)


def _identifiers(evidence: Evidence) -> Iterator[Edit]:
    sent = {
        name.decode("latin-1").lower(): name.decode("latin-1")
        for name, _ in evidence.request.headers
    }

    def named(cause: str, write: Callable[[str], str], *, last: bool = True) -> Edit:
        def apply(draft: Draft) -> Draft:
            lines = tuple(line._replace(identifier=write(line.identifier)) for line in draft.lines)
            draft = draft._replace(lines=lines)
            if draft.parameters is None or not last:
                return draft
            name = write(draft.parameters.identifier)
            return draft._replace(parameters=draft.parameters._replace(identifier=name))

        return Edit(cause, IDENTIFIERS, (IDENTIFIERS, 0), apply)

    def spelled(write: Callable[[str], str]) -> Callable[[str], str]:
        def spell(identifier: str) -> str:
            quoted, semicolon, parameters = identifier.partition(";")
            name = quoted.strip('"')
            return identifier if name[:1] == "@" else f'"{write(name)}"{semicolon}{parameters}'

        return spell

    yield named("identifiers-unquoted", lambda text: text.replace('"', ""))
    yield named("identifiers-unquoted", lambda text: text.replace('"', ""), last=False)
    yield named("identifiers-unquoted", lambda text: text.replace('"', "'"))
    yield named("field-names-capitalised", spelled(str.title))
    yield named("field-names-capitalised", spelled(lambda name: sent.get(name, name)))
    yield named("component-parameters-dropped", lambda text: text.partition(";")[0])


def _last_line() -> Iterator[Edit]:
    def change(cause: str, apply: Callable[[Draft], Draft]) -> Edit:
        # Made last: other edits count the lines from the start.
        return Edit(cause, JOINS, (PARAMETERS, 0), apply)

    def first(draft: Draft) -> Draft:
        lines = draft.lines if draft.parameters is None else (draft.parameters, *draft.lines)
        return draft._replace(lines=lines, parameters=None)

    def named(identifier: str) -> Callable[[Draft], Draft]:
        def apply(draft: Draft) -> Draft:
            value = "" if draft.parameters is None else draft.parameters.value
            return draft._replace(parameters=Line(identifier, value))

        return apply

    yield change("signature-params-missing", lambda draft: draft._replace(parameters=None))
    yield change("signature-params-misplaced", first)
    yield change("signature-params-misplaced", named("@signature-params"))
    yield change("signature-params-misplaced", named('"@signature-input"'))
    yield change("signature-params-misplaced", named('"signature-input"'))


def _left_out(draft: Draft) -> Iterator[Edit]:
    def without(number: int) -> Callable[[Draft], Draft]:
        return lambda draft: draft.without(number)

    for number, line in enumerate(draft.lines):
        # Without a value it is a field that was not sent, which is another cause.
        if line.value is not None:
            yield Edit("component-left-out", LINES, (LINES, 0), without(number))


def _orders(draft: Draft) -> Iterator[Edit]:
    def ordered(order: tuple[int, ...], *, common: bool) -> Edit:
        def apply(draft: Draft) -> Draft:
            return draft._replace(lines=tuple(draft.lines[number] for number in order))

        return Edit("components-reordered", LINES, (LINES, 0), apply, common)

    numbers = tuple(range(len(draft.lines)))
    names = [line.identifier for line in draft.lines]
    usual = [
        _USUAL_ORDER.index(name.strip('"'))
        if name.strip('"') in _USUAL_ORDER
        else len(_USUAL_ORDER)
        for name in names
    ]
    likely = [
        tuple(sorted(numbers, key=lambda number: usual[number])),
        tuple(sorted(numbers, key=lambda number: names[number])),
        tuple(sorted(numbers, key=lambda number: names[number][1] == "@")),
        tuple(sorted(numbers, key=lambda number: names[number][1] != "@")),
        tuple(reversed(numbers)),
    ]
    for order in likely:
        yield ordered(order, common=True)
    if len(numbers) <= _MAX_PERMUTED:
        for order in permutations(numbers):
            yield ordered(order, common=False)
        return
    for at in numbers:
        rest = numbers[:at] + numbers[at + 1 :]
        for to in numbers:
            yield ordered((*rest[:to], at, *rest[to:]), common=False)
