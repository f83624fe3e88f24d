"""From a case to the octets that are sent: the same request, here and now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.diagnosis.vectors import Accept
from connector.diagnosis.wire.signing import Resigner, replaced
from connector.diagnosis.wire.times import moved_times

if TYPE_CHECKING:
    from connector.diagnosis.vectors import Case, VectorFile, WireRequest
    from connector.diagnosis.wire.places import Surroundings
    from connector.steps import RawHeaders

_NAMES_DOCUMENTS: Final = frozenset({b"ucp-agent", b"signature-agent"})
_HAS_TIMES: Final = frozenset({b"signature-input", b"talos-signature-meta"})
_HAS_SIGNATURES: Final = frozenset({b"signature", b"request-signature"})


class Mover:
    """Moves the cases of one file."""

    def __init__(self, file: VectorFile) -> None:
        self._cases = {case.id: case for case in file.cases}
        self._resigner = Resigner(file.keys)

    def move(self, case: Case, around: Surroundings, now: int) -> WireRequest:
        """Return the case's request as it is to be sent at UNIX time ``now``."""
        moved = _moved(case, around, now)
        replacements = self._resigner.replacements(case.request, moved)
        positive = self._cases.get(case.differs_from)
        if positive is not None:
            # What was made over something else was made over that.
            theirs = _moved(positive, around, now)
            moved = moved._replace(headers=_shared(case, positive, moved, theirs))
            replacements = {
                **self._resigner.replacements(positive.request, theirs),
                **self._resigner.replacements(case.request, moved),
            }
        headers: RawHeaders = [
            (name, _signed_again(name, value, replacements)) for name, value in moved.headers
        ]
        return moved._replace(headers=headers)


def _moved(case: Case, around: Surroundings, now: int) -> WireRequest:
    """Move what the request names; its signatures are still the old ones."""
    accepted = isinstance(case.expect, Accept)
    headers: RawHeaders = []
    for name, value in case.request.headers:
        text, lower = value.decode("latin-1"), name.lower()
        if lower in _NAMES_DOCUMENTS:
            text = around.with_documents(text)
        elif lower == b"host":
            text = around.with_authority(text)
        elif lower in _HAS_TIMES:
            text = moved_times(text, case.now, now, accepted=accepted)
        headers.append((name, text.encode("latin-1")))
    target = case.request.target
    if not target.startswith("/"):
        target = around.with_authority(target)
    return case.request._replace(target=target, headers=headers)


def _shared(
    case: Case, positive: Case, ours: WireRequest, theirs: WireRequest
) -> list[tuple[bytes, bytes]]:
    """Take over the moved lines of the positive where both cases had the same line."""
    moved = dict(zip(positive.request.headers, theirs.headers, strict=True))
    return [
        moved.get(original, line)
        for original, line in zip(case.request.headers, ours.headers, strict=True)
    ]


def _signed_again(name: bytes, value: bytes, replacements: dict[str, str]) -> bytes:
    if name.lower() not in _HAS_SIGNATURES:
        return value
    return replaced(value.decode("latin-1"), replacements).encode("latin-1")
