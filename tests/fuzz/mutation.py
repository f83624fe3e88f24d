"""Random changes to seeds with a fixed start: what fuzzing is where nothing guides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fuzz.tokens import TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random


def mutations(seeds: Sequence[bytes], random: Random) -> Iterator[bytes]:
    """Yield changed seeds without end, each changed one to four times."""
    while True:
        data = random.choice(seeds)
        for _ in range(random.randint(1, 4)):
            data = _changed(data, seeds, random)
        yield data


def _changed(data: bytes, seeds: Sequence[bytes], random: Random) -> bytes:
    start = random.randint(0, len(data))
    end = min(len(data), start + random.choice((0, 1, 1, 2, 4, 16, 64)))
    cut = data[start:end]
    match random.randrange(7):
        case 0:
            put = b""
        case 1:
            put = cut + cut
        case 2:
            put = random.choice(TOKENS)
        case 3:
            put = cut + random.choice(TOKENS)
        case 4:
            put = random.randbytes(len(cut))
        case 5:
            put = bytes(octet ^ (1 << random.randrange(8)) for octet in cut)
        case _:
            other = random.choice(seeds)
            at = random.randint(0, len(other))
            put = other[at : at + random.choice((1, 8, 64, 512))]
    return data[:start] + put + data[end:]
