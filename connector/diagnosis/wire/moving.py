"""From a case to the octets that are sent: the same request, here and now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.diagnosis.vectors import Accept
from connector.diagnosis.wire.signing import Resigner, Versions, replaced
from connector.diagnosis.wire.spoiling import carried_text
from connector.diagnosis.wire.times import mover, shift

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.diagnosis.vectors import Case, VectorFile, WireRequest
    from connector.diagnosis.wire.bases import Move
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
        """Return the case's request as it is to be sent at UNIX time ``now``.

        Raises UnknownSignatureError where it cannot be signed as the case is.
        """
        positive = self._cases.get(case.differs_from)
        times = _moved_times(case, positive, now)
        mine = _moved(case.request, around, times)
        if positive is None:
            return _signed(mine, self._resigner.remade(mine, {}))
        theirs = _moved(positive.request, around, times)
        # What was made over something else was made over that.
        known = self._resigner.remade(theirs, {})
        sent = _signed(mine, self._resigner.remade(mine, known))
        return _spoilt(sent, mine.old, theirs.old, _signed(theirs, known))


def _moved_times(case: Case, positive: Case | None, now: int) -> Move:
    """Where a case's times are those of its positive, it is not they that decide."""
    texts = _times(case.request)
    accepted = isinstance(case.expect, Accept)
    if positive is not None and (positive.now, _times(positive.request)) == (case.now, texts):
        accepted = True
    return mover(shift(texts, case.now, now, accepted=accepted), f"{case.id} {now}")


def _times(request: WireRequest) -> list[str]:
    return [
        value.decode("latin-1") for name, value in request.headers if name.lower() in _HAS_TIMES
    ]


def _moved(request: WireRequest, around: Surroundings, times: Move) -> Versions:
    """Move what the request names; its signatures are still the old ones."""
    by_name: dict[bytes, Move] = {
        **dict.fromkeys(_NAMES_DOCUMENTS, around.with_documents),
        **dict.fromkeys(_HAS_TIMES, times),
        b"host": around.with_authority,
    }
    headers = _each_value(
        request.headers, lambda name, text: by_name[name](text) if name in by_name else text
    )
    target = request.target
    if not target.startswith("/"):
        target = around.with_authority(target)
    return Versions(
        request,
        request._replace(target=target, headers=headers),
        lambda text: times(around.with_authority(around.with_documents(text))),
        around.endpoint,
    )


def _signed(versions: Versions, remade: dict[bytes, bytes]) -> WireRequest:
    headers = _each_value(
        versions.new.headers,
        lambda name, text: replaced(text, remade) if name in _HAS_SIGNATURES else text,
    )
    return versions.new._replace(headers=headers)


def _spoilt(
    sent: WireRequest, old: WireRequest, positive: WireRequest, theirs: WireRequest
) -> WireRequest:
    """Change the text of a signature header as it was changed, where nothing in it was known."""
    made = {
        name.lower(): (value.decode("latin-1"), new.decode("latin-1"))
        for (name, value), (_, new) in zip(positive.headers, theirs.headers, strict=True)
        if name.lower() in _HAS_SIGNATURES
    }
    unchanged = {value.decode("latin-1") for _, value in old.headers}

    def spoilt(name: bytes, text: str) -> str:
        if name not in made or text not in unchanged:
            return text
        good, new = made[name]
        return carried_text(good, text, new) or text

    return sent._replace(headers=_each_value(sent.headers, spoilt))


def _each_value(headers: RawHeaders, change: Callable[[bytes, str], str]) -> RawHeaders:
    return [
        (name, change(name.lower(), value.decode("latin-1")).encode("latin-1"))
        for name, value in headers
    ]
