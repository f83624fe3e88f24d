"""What can go wrong between the connector and a merchant: one hierarchy, three kinds.

The one question that matters to a claim is whether the merchant may have seen the request.
``sent`` answers it: False is a promise that not one byte was written, True says that some or all
of it was. The text is one sentence for the operator; it holds no byte of a request or an answer.
"""

from __future__ import annotations

from typing import ClassVar


class UpstreamError(Exception):
    """The merchant gave no whole answer. Its kinds are the classes below."""

    sent: ClassVar[bool]

    def __init__(self, explanation: str) -> None:
        super().__init__(explanation)
        self.explanation = explanation


class UpstreamUnreachable(UpstreamError):  # noqa: N818 - named for the code it becomes
    """Not one byte of the request was written: the merchant provably did nothing."""

    sent: ClassVar[bool] = False


class LeaseEnded(UpstreamUnreachable):
    """Nothing was sent because of us: the time for it was over (a pause, a slow connection)."""


class UpstreamTimeout(UpstreamError):  # noqa: N818 - named for the code it becomes
    """The request was written, and the time for an answer, or for more of it, ran out."""

    sent: ClassVar[bool] = True


class UpstreamBroken(UpstreamError):  # noqa: N818 - stands beside its siblings
    """The request was written at least in part, and no whole answer can come any more.

    ``answered`` is False where the request had gone out whole and the connection ended before
    any byte of an answer: the only failure after a write that may ever be retried.
    """

    sent: ClassVar[bool] = True

    def __init__(self, explanation: str, *, answered: bool = True) -> None:
        super().__init__(explanation)
        self.answered = answered
