"""What becomes of a merchant's requests whose bodies are not what the protocol asks for."""

from __future__ import annotations

import asyncio
import logging
from traceback import format_tb
from typing import TYPE_CHECKING, Final

from connector.errors import Fault, Refusal
from connector.validation.checker import Checker
from connector.validation.problems import json_path

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from connector.validation.problems import Problem

_logger: Final = logging.getLogger(__name__)


class RequestValidation:
    """Judges the bodies of one merchant's verified requests.

    With ``enforce`` a bad one is refused, else it is only told. ``count`` is called once for each
    rule that a request breaks, with operation and rule. Raises ModelsMissing where it is made.
    """

    def __init__(
        self,
        *,
        enforce: bool,
        refuse_unknown: bool,
        known: Collection[str] = (),
        count: Callable[[str, str], None],
    ) -> None:
        self._enforce = enforce
        self._refuse_unknown = refuse_unknown
        self._known = tuple(known)
        self._count = count
        self._capabilities: dict[str, frozenset[str]] = {}
        self._checker = self._make(None)

    def judge(self, body: bytes, operation: str, version: str, *, call: bool) -> str:
        """Return what an operator is told of a body; empty where it is good.

        ``call`` says that the body is a JSON-RPC message. Raises Refusal with ``enforce``.
        """
        checker = self._checker
        check = checker.check_call if call else checker.check_body
        try:
            problems = check(operation, version, body)
        except Exception as error:  # noqa: BLE001 - it is logged, and refused where that is asked
            return self._unjudged(error)
        if not problems:
            return ""
        for rule in {problem.rule for problem in problems}:
            self._count(operation, rule)
        # A log holds no part of a body: names that no schema knows are left out.
        told = _sentence(problems, checker.names)
        if not self._enforce:
            return told
        faults = tuple(Fault(json_path(each.path), each.rule) for each in problems)
        raise Refusal("malformed_request", "invalid_body", told, faults=faults)

    def _unjudged(self, error: Exception) -> str:
        """A mistake of ours: nothing passes unchecked that was to be checked."""
        # The error's own words may quote the body.
        _logger.error(
            "a body could not be judged: %s\n%s",
            type(error).__name__,
            "".join(format_tb(error.__traceback__)),
        )
        if not self._enforce:
            return "not judged: an unexpected error; see the log"
        raise Refusal("overloaded", "internal_error", "an unexpected error; see the log") from None

    async def declare(self, place: str, capabilities: Iterable[str]) -> None:
        """Take the capabilities that the merchant's document at a path declares.

        Those of all its documents count. Where anything changed the schemas are compiled again,
        in a thread: that takes a fifth of a second, and nobody has to wait for it.
        """
        now = {**self._capabilities, place: frozenset(capabilities)}
        if now == self._capabilities:
            return
        self._capabilities = now
        checker = await asyncio.to_thread(self._make, frozenset().union(*now.values()))
        # Another document may have been read meanwhile, whose schemas count then.
        if self._capabilities is now:
            self._checker = checker

    def _make(self, capabilities: frozenset[str] | None) -> Checker:
        return Checker(capabilities, refuse_unknown=self._refuse_unknown, known=self._known)


def _sentence(problems: tuple[Problem, ...], known: Collection[str]) -> str:
    return "; ".join(f"{json_path(each.path, known)}: {each.rule}" for each in problems)
