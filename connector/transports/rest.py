"""REST: which operation a method and path name, and what its Idempotency-Key must be.

The table is ucp-rules section 7. The path's shape is checked before anything is verified; the
operation is read only from what was verified.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from connector.errors import Refusal
from connector.steps import Operation, Route
from connector.transports.operations import CHECKOUT_ONLY, KEY, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canonical import Request
    from connector.steps import Answer, Caller, Received, Recorder
    from connector.transports.open_streams import Hold
    from connector.transports.operations import OperationRule


# One segment: unreserved characters and : = @ ! $ , (ucp-rules section 7).
_PLAIN: Final = r"[A-Za-z0-9\-._~:=@!$,]"
# ``path_ids: encoded`` adds ";" and single-encoded octets: no control characters, no encoded
# percent sign or backslash (a second decoding would change the segment), no slash, no dot.
_ENCODED: Final = r"(?:[A-Za-z0-9\-._~:=@!$,;]|%(?!25|5[Cc]|2[EeFf]|7[Ff]|[01])[0-9A-Fa-f]{2})"


class RestTransport:
    """The operations of one merchant's REST endpoint.

    ``endpoint`` is the path prefix (``/ucp/v1``, or empty for the root); ``extensions`` are the
    operations that the configuration adds. A ValueError names an extension that doubles a row.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        extensions: Iterable[OperationRule] = (),
        encoded_ids: bool = False,
    ) -> None:
        segment = _ENCODED if encoded_ids else _PLAIN
        self._prefix = endpoint
        # Dot segments never reach this: the wire guard refuses them. The look-ahead keeps the
        # promise for callers that come another way (vector files).
        self._shape = re.compile(rf"(?:/(?!\.{{1,2}}(?:/|$)){segment}+)+")
        rules = (*OPERATIONS, *extensions)
        _check_overlaps(rules)
        self._table = {
            method: _Rules([rule for rule in rules if rule.method == method])
            for method in {rule.method for rule in rules}
        }

    def route(self, request: Request) -> Route:
        """Check that the path is below this endpoint, and its shape; raises Refusal."""
        path = request.target.partition("?")[0]
        prefix = self._prefix
        below = path[len(prefix) :]
        if not path.startswith(prefix) or not below.startswith("/"):
            raise Refusal("unknown_operation", "unknown_path", "the path is below no endpoint")
        if self._shape.fullmatch(below) is None:
            raise Refusal(
                "malformed_request",
                "path_shape",
                "the path has an empty segment or a character that path ids may not have",
            )
        return Route("rest", below)

    def rule(self, request: Request, route: Route) -> OperationRule | None:
        """Return the row that a method and path name, verified or not; None where there is none."""
        rules = self._table.get(request.method)
        return None if rules is None else rules.find(route.path)

    def operation(self, request: Request, rule: OperationRule | None, version: str) -> Operation:
        """Name the operation of a verified request and read its Idempotency-Key.

        ``rule`` is the row that the request names; raises Refusal where it is none, or none of
        the caller's ``version``.
        """
        if rule is None:
            raise unknown_operation()
        if version in CHECKOUT_ONLY and not rule.name.endswith("_checkout"):
            raise Refusal(
                "unknown_operation",
                "operation_not_in_version",
                f"{rule.name} does not exist in version {version}",
            )
        if rule.kind != "write":
            return Operation(rule.name, rule.kind, None)
        return Operation(rule.name, rule.kind, _idempotency_key(request), _payload(request))

    def ask(self, request: Request) -> RestCall:
        """Take what a request asks for; raises Refusal where its path cannot be one of ours."""
        return RestCall(self, request, self.rule(request, self.route(request)))


class RestCall:
    """What one request asks for over REST, verified or not."""

    __slots__ = ("_request", "_rule", "_transport", "template", "writes")

    in_body: Final = None
    """Profile and key stand in headers only."""

    def __init__(
        self, transport: RestTransport, request: Request, rule: OperationRule | None
    ) -> None:
        self._transport = transport
        self._request = request
        self._rule = rule
        self.writes = rule is not None and rule.kind == "write"
        """Whether method and path are those of a write."""
        self.template = "" if rule is None else rule.path
        """The path of the operation, ``{id}`` in the place of ids."""

    def operation(self, caller: Caller) -> Operation:
        """Name the operation of the verified request; raises Refusal."""
        return self._transport.operation(self._request, self._rule, caller.version)

    def claimed(self) -> tuple[str, str]:
        """Return what is asked for by whom nobody verified: name and kind; raises Refusal."""
        if self._rule is None:
            raise unknown_operation()
        return self._rule.name, self._rule.kind

    async def enter(self, received: Received, caller: Caller) -> Received:  # noqa: ARG002 - MCP
        """Return the request as it goes on: REST has no sessions."""
        return received

    def leave(self, answer: Answer) -> Answer:
        """Return the merchant's answer as it goes back."""
        return answer

    def hold(self, caller: Caller) -> Hold | None:  # noqa: ARG002 - MCP needs it
        """Take room for an event stream that the platform opens: REST knows none."""
        return None

    def replayed(self, body: bytes) -> bytes:
        """Return the body with which a recorded answer goes out again: the same octets."""
        return body

    def recorder(self, answer: Answer) -> Recorder | None:  # noqa: ARG002 - MCP needs it
        """Return what finds the answer in an event stream: over REST such a one has none."""
        return None


def _payload(request: Request) -> bytes:
    """Return the digest of what a key stands for: the target and the raw body (section 8)."""
    target = request.target.encode("latin-1")
    digest = sha256(b"rest:%d:" % len(target))
    digest.update(target)
    digest.update(request.body)
    return digest.digest()


def unknown_operation() -> Refusal:
    """Return the refusal of a method and path that name no operation."""
    return Refusal(
        "unknown_operation", "unknown_operation", "no operation has this method and path"
    )


class _Rules:
    """The rules of one method as one expression: the group that took part tells which it was."""

    def __init__(self, rules: list[OperationRule]) -> None:
        self._rules = rules
        self._match = re.compile("|".join(map(_expression, rules))).fullmatch

    def find(self, path: str) -> OperationRule | None:
        match = self._match(path)
        return None if match is None else self._rules[(match.lastindex or 0) - 1]


def _segments(rule: OperationRule) -> list[str | None]:
    """The segments of a rule's path; None for one that may be anything."""
    return [None if part.startswith("{") else part for part in rule.path.split("/")[1:]]


def _expression(rule: OperationRule) -> str:
    path = "".join(f"/{'[^/]+' if part is None else re.escape(part)}" for part in _segments(rule))
    return f"{path}()"


def _check_overlaps(rules: tuple[OperationRule, ...]) -> None:
    for number, rule in enumerate(rules):
        for existing in rules[:number]:
            if rule.method == existing.method and _overlap(_segments(rule), _segments(existing)):
                raise ValueError(
                    f"operation {rule.name!r} ({rule.method} {rule.path}) overlaps"
                    f" {existing.name!r} ({existing.method} {existing.path})"
                )


def _overlap(one: list[str | None], other: list[str | None]) -> bool:
    return len(one) == len(other) and all(
        a is None or b is None or a == b for a, b in zip(one, other, strict=True)
    )


def _idempotency_key(request: Request) -> str:
    lines = request.headers.index.get(b"idempotency-key")
    if not lines:
        raise Refusal(
            "idempotency_key_missing", "idempotency_key_missing", "a write needs an Idempotency-Key"
        )
    if len(lines) != 1 or KEY.fullmatch(lines[0]) is None:
        raise Refusal(
            "idempotency_key_invalid",
            "idempotency_key_invalid",
            "an Idempotency-Key is 22 to 255 visible ASCII characters without comma and quotes",
        )
    return lines[0].decode("ascii")
