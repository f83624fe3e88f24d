"""The Python oracle for audit logs: one JSON task per line on standard input, one verdict per line
back.

Checkpoints, tiles and proofs by tlog-scales. Nothing here imports the project's own packages.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping


def check(task: Mapping[str, Any]) -> None:
    """Raise whatever the library raises of a log that is not what its checkpoint says."""
    vkey = Vkey.from_string(task["vkey"])
    reader = TilesReader(LocalBackend(Path(task["folder"])))
    newest = reader.get_checkpoint()
    newest.verify(vkey)
    # What it has hashed once it need not hash again for the next proof.
    reader.mth = cache(reader.mth)
    if reader.calculate_root_hash() != newest.root_hash:
        raise ValueError("the tiles have another root than the checkpoint")
    for index in range(newest.size):
        leaf = leaf_hash(reader.get_entry(index))
        reader.get_inclusion_proof(index, newest.size).check(leaf, newest.root_hash)
    checkpoints = [Checkpoint.from_text(Path(path).read_text()) for path in task["saved"]]
    for saved in checkpoints:
        saved.verify(vkey)
    for earlier, later in combinations([*checkpoints, newest], 2):
        proof = reader.get_consistency_proof(earlier.size, later.size)
        proof.check(earlier.root_hash, later.root_hash)


def answer(task: Mapping[str, Any]) -> dict[str, str]:
    try:
        check(task)
    except Exception as error:  # noqa: BLE001 - the library has no type for all its refusals
        return {"verdict": "refused", "reason": f"{type(error).__name__}: {error}"}
    return {"verdict": "verified", "reason": ""}


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
