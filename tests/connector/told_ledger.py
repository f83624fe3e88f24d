"""An audit log that a test looks into: what it was told, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.steps import Admission, Caller, Operation, Received


class ToldLedger:
    """Takes everything, or refuses what is to be on disk before a request is sent."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.told: list[str] = []
        self._refusal = refusal
        self._open: set[str] = set()

    async def receive(
        self,
        received: Received,
        caller: Caller,
        operation: Operation,
        admission: Admission,
        audit_id: str,
        template: str,
    ) -> None:
        del received, caller, template
        sent = admission.answer is None
        self.told.append(f"{'received' if sent else 'replay'} {operation.name}")
        self._open.add(audit_id)
        if self._refusal is not None:
            raise self._refusal

    async def receive_unverified(self, *about: Any) -> None:
        self.told.append(f"unverified {about[1]}")
        self._open.add(about[3])

    def has(self, audit_id: str) -> bool:
        return audit_id in self._open

    def close(self, audit_id: str, merchant: str, **became: Any) -> None:
        del merchant
        self._open.remove(audit_id)
        self.told.append(f"completed {became['decision']} {became['status']}")

    def deny(self, *about: Any, **more: Any) -> None:
        del more
        self.told.append(f"denied {about[4].code.name}")
