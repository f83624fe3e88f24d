"""What a cause is looked for in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from canonical import Request, Signature

_MAX_SHOWN: Final = 120


class Observed(NamedTuple):
    """A refusal as one of the checks raised it."""

    code: str
    reason: str
    explanation: str


class Evidence(NamedTuple):
    """One request, and one of its signatures where it could be read. All octets as received."""

    request: Request
    now: float
    """UNIX time of arrival, in seconds."""
    endpoint: str = ""
    """The path before the operations'."""
    profile: Any = None
    """The JSON value of the platform's profile; None where there is none."""
    nested_keys: bool = False
    """Whether keys below ``ucp`` count."""
    faults: tuple[Observed, ...] = ()
    """What the checks had against the request and this signature."""
    signature: Signature | None = None
    verifies: bool = False
    """Whether this signature, as it stands, verifies with the key that it names."""

    def lines(self, name: str) -> list[str]:
        """Return the values of a field by its lower-case name."""
        values = self.request.headers.lines(name.encode("ascii"))
        return [value.decode("utf-8", "surrogateescape") for value in values]

    def value(self, name: str) -> str:
        """Return the field's lines as one value; empty where it is absent."""
        return ", ".join(self.lines(name))

    def has(self, *reasons: str) -> bool:
        """Whether a check was failed for one of these reasons or codes."""
        return any(fault.reason in reasons or fault.code in reasons for fault in self.faults)


def shown(text: str) -> str:
    """Quote a short text of the request for a reader; what is not ASCII is escaped."""
    cut = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
    return ascii(cut)
