"""What becomes of a merchant's requests whose bodies are not what the protocol asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.errors import Fault, Refusal
from connector.validation.checker import Checker
from connector.validation.problems import json_path

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from connector.validation.problems import Problem


class RequestValidation:
    """Judges the bodies of one merchant's verified requests.

    With ``enforce`` a bad one is refused, else it is only told. ``count`` is called once for each
    rule that a request breaks, with operation and rule. Raises ModelsMissing.
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
        problems = check(operation, version, body)
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

    def declare(self, place: str, capabilities: Iterable[str]) -> None:
        """Take the capabilities that the merchant's document at a path declares.

        Those of all its documents count. The schemas are compiled again where anything changed.
        """
        before = self._capabilities
        now = {**before, place: frozenset(capabilities)}
        if now != before:
            self._capabilities = now
            self._checker = self._make(frozenset().union(*now.values()))

    def _make(self, capabilities: frozenset[str] | None) -> Checker:
        return Checker(capabilities, refuse_unknown=self._refuse_unknown, known=self._known)


def _sentence(problems: tuple[Problem, ...], known: Collection[str]) -> str:
    return "; ".join(f"{json_path(each.path, known)}: {each.rule}" for each in problems)
