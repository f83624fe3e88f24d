"""The search for mistakes that explain a signature: undo some, and see whether it verifies.

One mistake is tried before two, and a right key before a wrong one. What verifies is proof: nobody
makes a signature over a mistaken base by chance.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import SignatureInvalid
from connector.diagnosis.causes import (
    field_variants,
    layout_variants,
    parameter_variants,
    target_variants,
)
from connector.diagnosis.causes.cause import PROVEN, Finding
from connector.diagnosis.causes.draft import Draft, Edit, applied, draft_of, rendered
from connector.diagnosis.causes.encodings import (
    encoded_bases,
    other_hash,
    other_payloads,
    size_of,
    value_readings,
)
from connector.diagnosis.causes.header_syntax import Mended, mended_signatures
from connector.diagnosis.causes.profile_keys import KeyReading, key_readings
from connector.diagnosis.masking import base_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canonical import Key
    from connector.diagnosis.causes.evidence import Evidence

MOST_CHECKS: Final = 6000
"""Signatures checked at most: a third of a second for P-256."""


MOST_BASES: Final = 20_000
"""Bases written at most, those included that need no check: a few seconds for long ones."""


class _Budget:
    """Counts down what is left to try."""

    def __init__(self) -> None:
        self.left = MOST_CHECKS
        self._bases = MOST_BASES

    def write(self) -> bool:
        """Whether one more base may be written and checked."""
        self._bases -= 1
        return self._bases >= 0 and self.left > 0

    def verifies(self, key: Key, signature: bytes, data: bytes) -> bool:
        """Whether the signature verifies; False, too, where nothing is left to try."""
        if self.left <= 0:
            return False
        self.left -= 1
        try:
            key.verify(signature, data)
        except SignatureInvalid:
            return False
        return True


class _Case(NamedTuple):
    """One way to read the request: a signature as it was probably meant, and a key for it."""

    mended: Mended
    draft: Draft
    base: bytes | None
    key: KeyReading


def prove(evidence: Evidence) -> list[Finding]:
    """Return the mistakes that together explain the signature; empty where none do, or none is."""
    if evidence.verifies:
        return []
    budget = _Budget()
    cases = list(_cases(evidence))
    for attempt in (_as_it_is, _one_edit, _other_data, _two_edits):
        for case in cases:
            found = attempt(case, evidence, budget)
            if found is not None:
                return found
    return []


def variants(draft: Draft, evidence: Evidence, mended: Mended) -> Iterator[Edit]:
    """Yield every known mistake that changes the base of this signature."""
    yield from target_variants.edits(draft, evidence)
    yield from field_variants.edits(draft, evidence)
    yield from parameter_variants.edits(mended.signature)
    yield from layout_variants.edits(draft, evidence)


def _cases(evidence: Evidence) -> Iterator[_Case]:
    for mended in mended_signatures(evidence):
        draft = draft_of(evidence.request, mended.signature)
        base = rendered(draft)
        for key in key_readings(evidence, mended.signature.parameters.get("keyid")):
            yield _Case(mended, draft, base, key)


def _found(case: _Case, *more: tuple[str, str]) -> list[Finding]:
    """Put together what had to be undone; a cause is told once."""
    detail = case.key.detail if case.key.cause else ""
    causes = [(cause, "") for cause in case.mended.causes]
    if case.key.cause:
        causes.append((case.key.cause, detail))
    told: dict[str, str] = {}
    for cause, text in (*causes, *more):
        told.setdefault(cause, text)
    return [Finding(cause, PROVEN, text) for cause, text in told.items()]


def _as_it_is(case: _Case, _: Evidence, budget: _Budget) -> list[Finding] | None:
    """Look for what is wrong with key or encoding alone; the base is the right one."""
    if case.base is None:
        return None
    for causes, value in value_readings(case.mended.signature.value, size_of(case.key.key)):
        if budget.verifies(case.key.key, value, case.base):
            return _found(case, *((cause, "") for cause in causes))
    return None


def _one_edit(case: _Case, evidence: Evidence, budget: _Budget) -> list[Finding] | None:
    readings = list(value_readings(case.mended.signature.value, size_of(case.key.key)))[:4]
    seen = {case.base}
    for edit in variants(case.draft, evidence, case.mended):
        if not budget.write():
            return None
        changed = applied(case.draft, edit)
        base = rendered(changed)
        if base is None or base in seen:
            continue
        seen.add(base)
        for causes, value in readings:
            if budget.verifies(case.key.key, value, base):
                detail = _difference(case.draft, changed)
                return _found(case, *((cause, "") for cause in causes), (edit.cause, detail))
    return None


def _other_data(case: _Case, evidence: Evidence, budget: _Budget) -> list[Finding] | None:
    """Look for something other than the base that was signed, or another hash of it."""
    member = case.mended.signature.member
    for causes, value in value_readings(case.mended.signature.value, size_of(case.key.key)):
        also = [(cause, "") for cause in causes]
        for cause, data in encoded_bases(case.base) if case.base is not None else ():
            if budget.verifies(case.key.key, value, data):
                return _found(case, *also, (cause, ""))
        for what, data in other_payloads(evidence, member):
            if budget.verifies(case.key.key, value, data):
                return _found(case, *also, ("something-else-signed", f"it is over {what}"))
        if case.base is not None:
            name = other_hash(case.key.key, value, case.base)
            if name is not None:
                return _found(case, *also, ("wrong-hash", name))
    return None


def _two_edits(case: _Case, evidence: Evidence, budget: _Budget) -> list[Finding] | None:
    if case.key.cause:
        return None
    # More than two mistakes at once are left to the comparison with the signer's own base.
    common = [edit for edit in variants(case.draft, evidence, case.mended) if edit.common]
    readings = list(value_readings(case.mended.signature.value, size_of(case.key.key)))[:2]
    seen: set[bytes | None] = {case.base}
    for pair in combinations(common, 2):
        if pair[0].slot == pair[1].slot:
            continue
        if not budget.write():
            return None
        changed = applied(case.draft, *pair)
        base = rendered(changed)
        if base is None or base in seen:
            continue
        seen.add(base)
        for causes, value in readings:
            if budget.verifies(case.key.key, value, base):
                also = [(cause, "") for cause in causes]
                told = [
                    (edit.cause, _difference(case.draft, applied(case.draft, edit)))
                    for edit in pair
                ]
                return _found(case, *also, *told)
    return None


def _difference(draft: Draft, changed: Draft) -> str:
    """Show the first line that a signer wrote otherwise; a secret's value is masked."""
    mine = _lines(draft)
    theirs = _lines(changed)
    if len(theirs) < len(mine):
        gone = next(line for line in mine if line not in theirs)
        return f"it verifies without the line of {gone.partition(': ')[0]}"
    for number, line in enumerate(theirs):
        if line != mine[number]:
            return f"it verifies with line {number + 1} as {ascii(base_line(line))[1:-1]}"
    return ""


def _lines(draft: Draft) -> list[str]:
    lines = [*draft.lines, draft.parameters]
    return [f"{line.identifier}{draft.colon}{line.value}" for line in lines if line is not None]
