from __future__ import annotations

import gzip
import json
from base64 import b64encode
from hashlib import sha256, sha512
from typing import TYPE_CHECKING

import pytest

from canonical import content_digest
from connector.diagnosis.causes.cause import LIKELY, PROVEN
from connector.diagnosis.document_table import DocumentTable
from connector.diagnosis.generator.recipes import BODY, POST, Recipe
from connector.diagnosis.vectors import Document
from connector.egress.urls import normalise
from tests.connector.diagnosis.causes.signed_requests import Sent, with_header, without

if TYPE_CHECKING:
    from connector.egress.fetch import FetchedDocument
    from connector.egress.urls import ProfileUrl

DIGEST = sha256(BODY).digest()
AGENT = "https://platform.example/.well-known/ucp"


def _digest(value: str) -> Sent:
    return Sent(POST.replaced("Content-Digest", value))


def _body(body: bytes) -> Sent:
    """Hash one body and send another writing of it."""
    return Sent(POST.replaced("Content-Digest", content_digest(body)))


def _without_digest() -> Recipe:
    return POST.replaced("Content-Digest").without("content-digest")


def _agent(value: str) -> Sent:
    return Sent(POST.replaced("UCP-Agent", value))


def _answered(document: Document) -> Sent:
    async def fetch(_: ProfileUrl) -> FetchedDocument:
        return await DocumentTable({AGENT: document})(normalise(AGENT))

    return Sent(profile=None, fetch=fetch)


PRETTY = json.dumps(json.loads(BODY), indent=2).encode()

CASES = {
    # Body and Content-Digest
    "body-reserialised": (_body(PRETTY), PROVEN),
    "body-line-end": (_body(BODY + b"\n"), PROVEN),
    "body-charset": (_body(b"\xef\xbb\xbf" + BODY), PROVEN),
    "digest-of-nothing": (_body(b""), PROVEN),
    "digest-of-unencoded-content": (
        _body(BODY)._replace(changed={"body": gzip.compress(BODY)}),
        PROVEN,
    ),
    "digest-of-text": (_body(b64encode(BODY)), PROVEN),
    "digest-hex": (_digest(f"sha-256=:{DIGEST.hex()}:"), PROVEN),
    "digest-base64url": (
        _digest(f"sha-256=:{b64encode(DIGEST, b'-_').decode().rstrip('=')}:"),
        PROVEN,
    ),
    "digest-without-colons": (_digest(f"sha-256={b64encode(DIGEST).decode()}"), PROVEN),
    "digest-algorithm-name": (_digest(f"SHA-256=:{b64encode(DIGEST).decode()}:"), PROVEN),
    "digest-algorithm-other": (
        _digest(f"sha-512=:{b64encode(sha512(BODY).digest()).decode()}:"),
        LIKELY,
    ),
    "digest-beside-wrong": (
        _digest(f"{content_digest(BODY)}, {content_digest(b'', 'sha-512')}"),
        PROVEN,
    ),
    "digest-legacy-header": (
        Sent(_without_digest(), headers=with_header("Digest", "SHA-256=AAAA")),
        LIKELY,
    ),
    "digest-of-representation": (
        Sent(_without_digest(), headers=with_header("Repr-Digest", content_digest(BODY))),
        LIKELY,
    ),
    "digest-missing": (Sent(_without_digest()), PROVEN),
    "body-changed": (Sent(changed={"body": b'{"line_items":[]}'}), LIKELY),
    # UCP-Agent and profile
    "agent-missing": (Sent(POST.replaced("UCP-Agent").without("ucp-agent")), PROVEN),
    "agent-without-profile": (_agent(AGENT), PROVEN),
    "agent-unquoted": (_agent(f"profile={AGENT}"), PROVEN),
    "agent-not-https": (_agent('profile="http://platform.example/.well-known/ucp"'), PROVEN),
    "agent-url-refused": (_agent(f'profile="{AGENT}#keys"'), PROVEN),
    "profile-redirects": (_answered(Document(None, 301, None)), PROVEN),
    "profile-unreachable": (_answered(Document(None, 0, "timeout")), LIKELY),
    "profile-not-given": (Sent(profile=None), PROVEN),
    "profile-not-json": (Sent(profile=["keys"]), PROVEN),
    "profile-version-missing": (Sent(profile={"keys": []}), PROVEN),
    "version-unsupported": (Sent(settings={"versions": ["2026-04-08"]}), PROVEN),
    "single-header-repeated": (
        Sent(headers=with_header("Content-Type", "application/json")),
        PROVEN,
    ),
}


@pytest.mark.parametrize(
    ("cause", "sent", "certainty"), [(c, *e) for c, e in CASES.items()], ids=CASES
)
def test_the_cause_is_found(cause: str, sent: Sent, certainty: str) -> None:
    found = sent.found()

    assert found[cause] == certainty
    # What was left out is said to be uncovered, too, and a line that came twice to have doubled.
    assert found.keys() - {cause} <= {"coverage-insufficient", "header-doubled"}


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(json.loads(BODY)).encode(),
        json.dumps(json.loads(BODY), separators=(",", ": ")).encode(),
        json.dumps(json.loads(BODY), indent=4, sort_keys=True).encode(),
        json.dumps(json.loads(BODY), indent="\t").encode() + b"\n",
    ],
)
def test_every_common_writing_of_the_json_is_known(written: bytes) -> None:
    assert _body(written).found() == {"body-reserialised": PROVEN}


@pytest.mark.parametrize(
    ("sent", "hashed"),
    [
        ('{"a":"\u00e9"}'.encode(), b'{"a":"\\u00e9"}'),
        (b'{"a":"\\u00e9"}', '{"a":"\u00e9"}'.encode()),
        (b'{"a":"x/y"}', b'{"a":"x\\/y"}'),
        (b'{"a":"<&>"}', b'{"a":"\\u003c\\u0026\\u003e"}'),
        (b'{"b":1,"a":1.0}', b'{"a":1,"b":1}'),
    ],
)
def test_escapes_of_other_serialisers_are_known(sent: bytes, hashed: bytes) -> None:
    recipe = POST._replace(body=sent).replaced("Content-Digest", content_digest(hashed))

    assert Sent(recipe).found() == {"body-reserialised": PROVEN}


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe", b"null", b'"\\ud800"', b"1e999"])
def test_any_body_can_be_looked_at(body: bytes) -> None:
    assert Sent(changed={"body": body}).found() == {"body-changed": LIKELY}


def test_a_body_that_would_inflate_without_end_is_not_followed() -> None:
    bomb = gzip.compress(bytes(64 << 20))

    assert Sent(changed={"body": bomb}).found() == {"body-changed": LIKELY}


def test_a_digest_that_a_proxy_dropped_is_proven_to_have_been_signed() -> None:
    assert Sent(headers=without("Content-Digest")).found() == {
        "covered-field-missing": PROVEN,
        "digest-missing": PROVEN,
    }


def test_a_digest_of_no_known_form_is_told_apart() -> None:
    assert _digest('sha-256="x"').found() == {"digest-without-colons": LIKELY}
    assert _digest("md5=:AAAA:").found() == {"digest-algorithm-other": LIKELY}
