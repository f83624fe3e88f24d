"""Which components a signature must cover: a closed set (ucp-rules section 3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from connector.authentication.policy import BOT_AUTH
from connector.platforms.signature_agent import has_old_form

if TYPE_CHECKING:
    from canonical import Component, Request, Signature

_ALWAYS: Final = ("@method", "@authority", "@path")
_TARGET: Final = frozenset({"@authority", "@path", "@query"})
# Parameters under which a field still stands for its whole value.
_WHOLE_FIELD: Final = frozenset({"sf", "bs"})
_MEMO_LIMIT: Final = 4096
_MEMO_TEXT: Final = 1024
"""Bounds of what is remembered of texts that strangers choose: 4 MiB."""


class Presence(NamedTuple):
    """What of a request decides the components that must be covered."""

    query: bool
    body: bool
    ucp_agent: bool
    idempotency_key: bool
    signature_agent: bool
    old_signature_agent: bool = False
    """Whether Signature-Agent is the one string that it was in older drafts."""

    @classmethod
    def of(cls, request: Request) -> Presence:
        """Read it from a request: a ``?`` counts even with nothing behind it."""
        index = request.headers.index
        signature_agent = index.get(b"signature-agent")
        return cls(
            "?" in request.target,
            bool(request.body),
            b"ucp-agent" in index,
            b"idempotency-key" in index,
            signature_agent is not None,
            signature_agent is not None and has_old_form(signature_agent),
        )

    def required(self) -> list[str]:
        """Name the components that must be covered, ``signature-agent`` last."""
        names = list(_ALWAYS)
        if self.query:
            names.append("@query")
        if self.body:
            names += ["content-digest", "content-type"]
        if self.ucp_agent:
            names.append("ucp-agent")
        if self.idempotency_key:
            names.append("idempotency-key")
        if self.signature_agent:
            names.append("signature-agent")
        return names


class Coverage:
    """Judges component lists; a verdict is kept by the list's text, for platforms repeat theirs."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, Presence, str, str | None], str | None] = {}

    def fault(self, signature: Signature, presence: Presence, mode: str) -> str | None:
        """Say what the signature fails to cover, or None when it covers what it must."""
        # The label only matters where the signature must name itself in Signature-Agent.
        label = signature.label if signature.parameters.get("tag") == BOT_AUTH else None
        key = (signature.components_text, presence, mode, label)
        try:
            return self._verdicts[key]
        except KeyError:
            pass
        verdict = judge(signature.components, presence, mode, label)
        if len(signature.components_text) <= _MEMO_TEXT:
            if len(self._verdicts) >= _MEMO_LIMIT:
                self._verdicts.clear()
            self._verdicts[key] = verdict
        return verdict


def judge(
    components: tuple[Component, ...], presence: Presence, mode: str, label: str | None
) -> str | None:
    """Compare covered components with the closed set; ``label`` is given for web-bot-auth only."""
    covered = set()
    for name, parameters in components:
        if "req" in parameters or "tr" in parameters:
            return f"{name} carries ;req or ;tr, which a request may not"
        if not parameters or (name[0] != "@" and parameters.keys() <= _WHOLE_FIELD):
            covered.add(name)
        elif name == "signature-agent" and label is not None and parameters == {"key": label}:
            covered.add('signature-agent;key="<label>"')
    required = presence.required()
    if label is not None:
        # The member that carries this signature's label stands for the field.
        if presence.signature_agent:
            required.pop()
        required.append('signature-agent;key="<label>"')
    if mode == "compat" and "ucp-agent" in required:
        required.remove("ucp-agent")
    if mode == "target-uri" and "@target-uri" in covered:
        covered |= _TARGET
    missing = [name for name in required if name not in covered]
    return f"not covered: {', '.join(missing)}" if missing else None
