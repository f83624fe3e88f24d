"""The vector files of this project, and their cases that can be sent."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from connector.diagnosis.vectors import SCHEMA, Case, VectorFile, read_vectors
from connector.diagnosis.wire.moving import Mover
from connector.diagnosis.wire.places import PROFILES_PORT, Surroundings
from connector.diagnosis.wire.runner import NotSentError, Sendable, prepared

VECTORS: Final = Path(__file__).parents[4] / "vectors"
NOW: Final = 1_800_000_000
FILES: Final = {
    path.stem: read_vectors(path.read_bytes())
    for path in sorted(VECTORS.glob("*.json"))
    if path.name != SCHEMA
}
MOVERS: Final = {name: Mover(file) for name, file in FILES.items()}


def around(file: VectorFile, case: Case) -> Surroundings:
    """Return what a case has around it with the usual port."""
    return Surroundings(file, case, PROFILES_PORT)


def moved(name: str, case: Case, now: int = NOW) -> Sendable:
    """Return a case of a shipped file as it is sent; raises NotSentError."""
    return prepared(MOVERS[name], case, around(FILES[name], case), now)


def _moved_or_not(name: str, case: Case) -> Sendable | str:
    try:
        return moved(name, case)
    except NotSentError as error:
        return str(error)


def case_of(name: str, id_: str) -> Case:
    """Return a case of a shipped file."""
    return next(case for case in FILES[name].cases if case.id == id_)


MOVED: Final = {
    (name, case.id): _moved_or_not(name, case)
    for name, file in FILES.items()
    for case in file.cases
}
"""Each case as it is sent, or why it is not."""
SENT: Final = [
    (name, case, sent)
    for name, file in FILES.items()
    for case in file.cases
    if isinstance(sent := MOVED[name, case.id], Sendable)
]
