"""What the store has of a claim, read past the gateways, and what an operator writes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import redis

from connector.admission.claim_record import read_claim
from connector.admission.scripts import SETTLE
from connector.admission.store_keys import CLAIM, answer_of, caller_keys
from tests.end_to_end.platform import PINNED_PROFILE
from tests.faults.matrix import ABSENT, CLAIMED, COMPLETED, LAPSED, RELEASED, SAY_EXECUTED, SPENT

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_KEPT_MS: Final = b"3600000"
_NO_QUIET: Final = b"0"
"""The rounds cannot wait for twice ten seconds; that the time is kept is shown elsewhere."""


class Books:
    """One store. Times are microseconds by its clock."""

    def __init__(self, path: Path) -> None:
        self._client = redis.Redis(unix_socket_path=str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def now(self) -> int:
        seconds, microseconds = self._ask("TIME")
        return int(seconds) * 1_000_000 + int(microseconds)

    def state(self, merchant: str, key: str) -> str:
        name = _name(merchant, key)
        fields = self._fields(name)
        if not fields:
            return ABSENT
        state = fields[b"state"]
        if state == b"claimed":
            return CLAIMED if int(fields[b"lease"]) > self.now() else LAPSED
        if state == b"completed":
            return COMPLETED if self._ask("EXISTS", answer_of(name)) else SPENT
        assert state == b"released", state
        return RELEASED

    def token(self, merchant: str, key: str) -> str:
        return self._fields(_name(merchant, key)).get(b"token", b"").decode()

    def lease(self, merchant: str, key: str) -> int:
        """Return when the lease of a claim ends; 0 where it is not claimed."""
        fields = self._fields(_name(merchant, key))
        return int(fields[b"lease"]) if fields.get(b"state") == b"claimed" else 0

    def resolve(self, merchant: str, key: str, word: str) -> None:
        """Say what an operator says; it has to be done."""
        name = _name(merchant, key)
        keys = read_claim(name, self._fields(name), self.now() / 1e6).keys
        quiet = () if word == SAY_EXECUTED else (_NO_QUIET,)
        given = (word.encode(), b"{}", self.token(merchant, key), *quiet, _KEPT_MS)
        reply = self._ask("EVAL", SETTLE.source, len(keys), *keys, *given)
        assert reply[0] == b"done", reply

    def _fields(self, name: bytes) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = self._ask("HGETALL", name)
        return found

    def _ask(self, *words: str | bytes | int) -> Any:
        return self._client.execute_command(*words)  # type: ignore[no-untyped-call]  # no annotations


def _name(merchant: str, key: str) -> bytes:
    return caller_keys(merchant, PINNED_PROFILE).name(CLAIM, b"create_checkout", key.encode())
