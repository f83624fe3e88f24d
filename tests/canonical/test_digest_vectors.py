"""The digests printed in RFC 9530."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from canonical import CanonicalError, check_content_digest, content_digest
from tests.canonical.vectors import load

CASES = load("rfc9530/examples.json")["cases"]
KNOWN = [case for case in CASES if case["algorithm"] in ("sha-256", "sha-512")]
UNRELIABLE = [case for case in CASES if case not in KNOWN]


def _id(case: Any) -> str:
    return str(case["id"])


@pytest.mark.parametrize("case", KNOWN, ids=_id)
def test_a_printed_digest_matches_its_content_and_no_other(case: Any) -> None:
    content = base64.b64decode(case["content_b64"])
    value = f"{case['algorithm']}=:{case['value_b64']}:"
    if case["expect"] == "match":
        assert value == content_digest(content, case["algorithm"])
        check_content_digest(value, content)
    else:
        with pytest.raises(CanonicalError, match="does not match"):
            check_content_digest(value, content)


@pytest.mark.parametrize("case", UNRELIABLE, ids=_id)
def test_a_weak_algorithm_alone_is_not_relied_on(case: Any) -> None:
    with pytest.raises(CanonicalError, match="no known algorithm"):
        check_content_digest(
            f"{case['algorithm']}=:{case['value_b64']}:", base64.b64decode(case["content_b64"])
        )
