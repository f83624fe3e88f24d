"""Whose request it is: the profile that UCP-Agent names, and the keys of that one alone."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.documents import PLATFORM, url
from connector.diagnosis.generator.recipes import (
    AGENT,
    GET,
    GET_COVERS,
    TARGET,
    Case,
    Recipe,
    Topic,
    put,
)

_NAMED: Final = "overview/index.md#identity-resolution-algorithm, the profile that is named"
_AGENTS: Final = "overview/index.md#identity-resolution-algorithm, Signature-Agent"
_KEYS: Final = "ucp-rules.md#3-verifying-an-rfc-9421-request, one kid"

_SISTER: Final = f"{url('query')}?v=%7e1&w=1"
"""Another platform that publishes the very same key."""


def _of(profile: str) -> Recipe:
    return GET.replaced(AGENT[0], f'profile="{profile}"')


def _signed_with(key: str, description: str) -> Case:
    return Case(
        f"identity-signed-with-{key}",
        description,
        "RFC 9421 section 3.2, key of the keyid",
        GET.signed(key=key),
        "signature_invalid",
        "signature_mismatch",
    )


_POINTED: Final = GET.replaced("Signature-Agent", f'sig1="{PLATFORM}"').covering(
    *GET_COVERS, "signature-agent"
)


TOPIC: Final = Topic(
    "Whose request it is: UCP-Agent, Signature-Agent, and two keys of one name",
    (
        Case("identity-named", "The identity is the profile that is named.", _NAMED, GET),
        Case(
            "identity-sister",
            "Two platforms publish one key: the identity is the one that is named.",
            _NAMED,
            _of(_SISTER),
            identity=_SISTER,
        ),
        Case(
            "identity-altered",
            "UCP-Agent was changed to a platform that publishes the same key.",
            _NAMED,
            GET,
            "signature_invalid",
            "signature_mismatch",
            (put(AGENT[0], f'profile="{_SISTER}"'),),
        ),
        Case(
            "identity-of-another",
            "The key that the keyid names is another platform's.",
            _NAMED,
            _of(url("web-bot-auth")),
            "key_not_found",
            "key_not_found",
        ),
        Case(
            "identity-signature-agent-beside",
            "Signature-Agent names the same profile.",
            _AGENTS,
            _POINTED,
        ),
        Case(
            "identity-signature-agent-alone",
            "Signature-Agent does not stand for UCP-Agent.",
            _AGENTS,
            _POINTED.replaced(AGENT[0]).covering(*TARGET, "signature-agent"),
            "invalid_profile_url",
            "agent_missing",
        ),
        Case(
            "identity-signature-agent-other",
            "Signature-Agent names another platform: the identity is that of UCP-Agent.",
            _AGENTS,
            GET.replaced("Signature-Agent", f'sig1="{url("april")}"').covering(
                *GET_COVERS, "signature-agent"
            ),
        ),
        _signed_with("platform-es384", "A key on P-384 signed, and the keyid names one on P-256."),
        _signed_with("platform-ed25519", "Ed25519 signed, and the keyid names a key on P-256."),
        Case(
            "one-kid-elsewhere",
            "Two different keys have one kid, which nobody asks for.",
            _KEYS,
            _of(url("duplicate-elsewhere")),
            identity=url("duplicate-elsewhere"),
        ),
        Case(
            "one-kid-beside-signing-only",
            "A key that may not verify has the same kid: it does not count.",
            _KEYS,
            _of(url("beside-signing-only")),
            identity=url("beside-signing-only"),
        ),
        Case(
            "one-kid-beside-unusable",
            "An entry of unknown kind has the same kid: which one is meant nobody can say.",
            _KEYS,
            _of(url("beside-unusable")),
            "signature_invalid",
            "duplicate_key",
        ),
    ),
)
