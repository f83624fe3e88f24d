"""The files of vectors/, judged by an implementation that shares no code with ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from canonical import load_key
from connector.diagnosis.vectors import SCHEMA, Accept, Case, Reject, VectorFile, read_vectors
from tests.conformance.oracle import verifies

if TYPE_CHECKING:
    from collections.abc import Mapping

VECTORS: Final = Path(__file__).parents[2] / "vectors"
FILES: Final = {
    path.name: read_vectors(path.read_bytes())
    for path in VECTORS.glob("*.json")
    if path.name != SCHEMA
}
_OTHER_SCHEMES: Final = {"detached_jws.json", "talos.json"}


def _is_signed_request(case: Case) -> bool:
    """Whether RFC 9421 is what a request is judged by: other kinds have tests of their own."""
    names = {name.lower() for name, _ in case.request.headers}
    older = b"request-signature" in names and not names & {b"signature-input", b"signature"}
    return case.kind in ("request", "webhook") and not older


CASES: Final = [
    pytest.param(file, case, id=case.id)
    for _, file in sorted(FILES.items())
    for case in file.cases
    if _is_signed_request(case)
]
# What is wrong with the signature itself, so that any implementation must refuse it. Every other
# refusal is one of policy.
_OF_THE_SIGNATURE: Final = frozenset(
    {
        "alg_parameter",
        "base_unbuildable",
        "digest_missing",
        "label_mismatch",
        "malformed",
        "one_header",
        "signature_encoding",
        "signature_mismatch",
        "signature_missing",
    }
)
# Refusals of policy that the other implementation makes too: no signature can be made so.
_REFUSED_BY_BOTH: Final = frozenset(
    {
        "component-request-of-request",
        "coverage-of-request",
        "coverage-trailer",
        "coverage-unknown-parameter",
        "coverage-upper-case",
        "coverage-without-at",
    }
)
# Refused here for what the wire or the signature header says, before a key is looked for.
_NOT_EXPRESSIBLE: Final = {
    "key-keyid-absent": "no key is named",
    "key-keyid-token": "it refuses a keyid that is a token",
    "key-keyid-unknown": "no key has this name",
    "mcp-keyid-unknown": "no key has this name",
    "webhook-keyid-unknown": "no key has this name",
    "time-decimal": "it refuses created unless it is an integer",
    "time-string": "it refuses created unless it is an integer",
    "time-boolean": "it refuses created unless it is an integer",
    "time-token": "it refuses created unless it is an integer",
    "time-bytes": "it refuses created unless it is an integer",
    "time-expires-string": "it refuses expires unless it is an integer",
    "time-expires-decimal": "it refuses expires unless it is an integer",
    "time-expires-date": "it refuses expires unless it is an integer",
    "bot-tag-boolean": "it refuses a tag unless it is a string",
    "bot-tag-token": "it refuses a tag unless it is a string",
    "keyid-case": "no key has this name",
    "keyid-space": "no key has this name",
    "keyid-prefix": "no key has this name",
    "keyid-empty": "no key is named",
    "keyid-integer": "it refuses a keyid unless it is a string",
    "keyid-bytes": "it refuses a keyid unless it is a string",
    "keyid-boolean": "it refuses a keyid unless it is a string",
    "bot-keyid-unknown": "no key has this name",
    "agent-octet": "a covered field has an octet that no base has",
    "lookup-key-elsewhere": "no key has this name",
    "lookup-string": "the member that is covered is not there",
    "time-date": "it reads RFC 8941, which has no dates",
    "host-missing": "its messages have an absolute URL",
    "target-absolute": "its messages have an absolute URL",
    "target-fragment": "its messages have an absolute URL",
    "target-backslash": "it refuses URLs that no RFC allows",
    "encoding-spare-bits": "it takes what RFC 9651 section 4.2.7 lets it take",
    "encoding-unpadded": "it takes what RFC 9651 section 4.2.7 lets it take",
    "authority-scheme": "it refuses URLs that no RFC allows",
    "authority-path": "its messages have a URL, and the path would be another",
    "authority-list": "it refuses URLs that no RFC allows",
    "authority-space": "it refuses URLs that no RFC allows",
    "authority-encoded": "what was signed is the host without escapes",
    "authority-port-name": "it refuses URLs that no RFC allows",
    "authority-empty": "it refuses URLs that no RFC allows",
    "target-escape-open": "it refuses URLs that no RFC allows",
    "target-escape-not-hexadecimal": "it refuses URLs that no RFC allows",
    "target-escape-of-query": "it refuses URLs that no RFC allows",
    "target-quote": "it refuses URLs that no RFC allows",
    "target-brackets": "it refuses URLs that no RFC allows",
    "target-bar": "it refuses URLs that no RFC allows",
    "target-braces": "it refuses URLs that no RFC allows",
    "target-asterisk-form": "its messages have an absolute URL",
    "target-without-slash": "its messages have an absolute URL",
    "target-authority-form": "its messages have an absolute URL",
    "target-absolute-form-of-write": "its messages have an absolute URL",
}
# Accepted here, and refused there, whole, before the signature that is asked for is looked at.
_REFUSES_THE_MESSAGE: Final = {
    # RFC 9421 section 3.2, step 1.2: an error only where it is the chosen one that is not paired.
    "label-input-behind": "it wants the same labels in both headers",
    "label-input-before": "it wants the same labels in both headers",
    "label-value-behind": "it wants the same labels in both headers",
    "label-value-before": "it wants the same labels in both headers",
    "labels-four-and-one-lost": "it wants the same labels in both headers",
    "labels-lost-before-four": "it wants the same labels in both headers",
}
_MEMBER: Final = re.compile(
    r"""([a-z*][a-z0-9_.*-]*)=\([^)]*\)[^,]*?;keyid=(?:"([^"]*)"|([^",;]+))"""
)


def _signed_by(file: VectorFile, case: Case) -> list[tuple[str, dict[str, Any]]]:
    """Return each label with the key that its keyid names."""
    values = [value for name, value in case.request.headers if name == b"Signature-Input"]
    by_name = _by_name(file)
    found = []
    for label, string, token in _MEMBER.findall(b", ".join(values).decode("latin-1")):
        if (string or token) in by_name:
            found.append((label, dict(by_name[string or token])))
    return found


def _by_name(file: VectorFile) -> dict[str, Mapping[str, Any]]:
    """Return the test keys by their names, by their thumbprints and by what profiles call them."""
    names = {load_key(jwk).thumbprint: jwk for jwk in file.keys.values()}
    own = {jwk["x"]: jwk for jwk in file.keys.values()}
    for document in file.documents.values():
        profile = json.loads(document.body or b"{}")
        entries = profile.get("keys") if isinstance(profile, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("x") in own:
                names[str(entry.get("kid"))] = own[entry["x"]]
    return {**names, **file.keys}


@pytest.mark.parametrize(("file", "case"), CASES)
def test_the_other_implementation_agrees_on_the_signature(file: VectorFile, case: Case) -> None:
    if case.id in _NOT_EXPRESSIBLE:
        return
    signed = _signed_by(file, case)
    verified = [label for label, jwk in signed if verifies(case.request, label, jwk)]
    if case.id in _REFUSES_THE_MESSAGE:
        assert isinstance(case.expect, Accept)
        assert not verified
    elif isinstance(case.expect, Accept):
        assert case.expect.label in verified
    elif case.expect.reason in _OF_THE_SIGNATURE or case.id in _REFUSED_BY_BOTH:
        # Beside the bad one a good one may stand that covers too little.
        assert len(verified) < max(1, len(signed))
    else:
        # Only policy is against it: nothing but the one thing is wrong with it.
        assert verified


def test_what_it_cannot_express_is_in_the_files() -> None:
    ids = {case.id for file in FILES.values() for case in file.cases}

    assert {*_NOT_EXPRESSIBLE, *_REFUSES_THE_MESSAGE} <= ids
    assert not any(
        isinstance(case.expect, Accept)
        for file in FILES.values()
        for case in file.cases
        if case.id in _NOT_EXPRESSIBLE
    )


def test_every_refusal_says_which_code() -> None:
    codes = {
        case.expect.code
        for file in FILES.values()
        for case in file.cases
        if isinstance(case.expect, Reject)
    }

    assert codes >= {
        "algorithm_unsupported",
        "digest_mismatch",
        "headers_too_large",
        "idempotency_key_invalid",
        "idempotency_key_missing",
        "invalid_profile_url",
        "key_not_found",
        "malformed_request",
        "operation_not_permitted",
        "payload_too_large",
        "profile_malformed",
        "profile_not_trusted",
        "profile_unreachable",
        "signature_invalid",
        "signature_missing",
        "unknown_authority",
        "unknown_operation",
        "unsupported_media",
        "version_unsupported",
    }
