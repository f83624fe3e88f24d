"""Whether a caller may ask for an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.errors import Refusal

if TYPE_CHECKING:
    from connector.authentication.policy import Policy
    from connector.steps import Operation


def permit(policy: Policy, operation: Operation) -> None:
    """Refuse an operation that the caller's tier or registration does not list."""
    if operation.plain:
        return
    if operation.name in policy.denied or (
        policy.operations is not None and operation.name not in policy.operations
    ):
        raise Refusal(
            "operation_not_permitted",
            "operation_not_permitted",
            f"tier {policy.tier} may not call {operation.name} with this kind of signature"
            if operation.name in policy.denied
            else f"tier {policy.tier} may not call {operation.name}",
        )
