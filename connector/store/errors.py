"""What can go wrong with the store: one error, and the one question that matters to a claim."""

from __future__ import annotations


class StoreUnavailable(Exception):  # noqa: N818 - named for the code it becomes
    """The store gave no usable reply in time.

    ``applied`` is False where the store provably did nothing: it was not asked, or it refused. True
    says that it may have done what it was asked. The text is one sentence for the operator; it
    holds neither a key nor a value, and no password.
    """

    def __init__(self, explanation: str, *, applied: bool) -> None:
        super().__init__(explanation)
        self.explanation = explanation
        self.applied = applied
