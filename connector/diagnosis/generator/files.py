"""From topics to the files of ``vectors/``: the same octets each time."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from connector.diagnosis.generator.documents import DOCUMENTS
from connector.diagnosis.generator.keys import SIGNERS, private_jwk
from connector.diagnosis.generator.recipes import NOW, send
from connector.diagnosis.generator.topics import (
    coverage,
    digests,
    keys,
    operations,
    profiles,
    requests,
    signatures,
    times,
    wire,
)
from connector.diagnosis.vectors import FORMAT

if TYPE_CHECKING:
    from connector.diagnosis.generator.recipes import Case, Sent, Topic

TOPICS: Final[dict[str, Topic]] = {
    "coverage.json": coverage.TOPIC,
    "digests.json": digests.TOPIC,
    "keys.json": keys.TOPIC,
    "operations.json": operations.TOPIC,
    "profiles.json": profiles.TOPIC,
    "requests.json": requests.TOPIC,
    "signatures.json": signatures.TOPIC,
    "times.json": times.TOPIC,
    "wire.json": wire.TOPIC,
}
_SPEC: Final = "2026-08-25"
# A list of two strings, a header line above all, stands on one line.
_PAIR: Final = re.compile(r'\[\s+("(?:[^"\\]|\\.)*"),\s+("(?:[^"\\]|\\.)*")\s+\]')
_KEYID: Final = re.compile(r';keyid="([^"]+)"')


def render(topic: Topic) -> bytes:
    """Return one file: JSON, indented, ASCII, with a line feed at its end.

    It holds the keys that its cases sign with and the documents that they name, and no others.
    """
    signers = {signing.key for case in topic.cases for signing in case.recipe.signatures}
    named = {
        value.lower()
        for case in topic.cases
        for name, value in case.recipe.headers
        if name == "UCP-Agent"
    }
    # "HTTPS://Platform.Example:443/" is normalised before it is looked up.
    named |= {value.replace(":443/", "/") for value in named}
    document = {
        "format": FORMAT,
        "title": topic.title,
        "spec": _SPEC,
        "keys": {name: private_jwk(name) for name in SIGNERS if name in signers},
        "documents": {
            url: body
            for url, body in DOCUMENTS.items()
            if any(f'"{url}"' in value for value in named)
        },
        "cases": [_case(case) for case in topic.cases],
    }
    text = _PAIR.sub(r"[\1, \2]", json.dumps(document, indent=1))
    return text.encode("ascii") + b"\n"


def _case(case: Case) -> dict[str, Any]:
    sent = send(case.recipe, case.edits)
    members: dict[str, Any] = {
        "id": case.id,
        "description": case.description,
        "rule": case.rule,
        "now": NOW,
        "request": _request(sent),
        "expect": _expectation(case, sent),
    }
    if case.settings:
        members["settings"] = dict(case.settings)
    return members


def _request(sent: Sent) -> dict[str, Any]:
    members: dict[str, Any] = {
        "method": sent.method,
        "target": sent.target,
        "scheme": "https",
        "headers": [list(line) for line in sent.headers],
    }
    if sent.body.startswith(b"{"):
        members["body"] = sent.body.decode("utf-8")
    elif sent.body:
        members["body_base64"] = b64encode(sent.body).decode("ascii")
    return members


def _expectation(case: Case, sent: Sent) -> dict[str, str]:
    if case.code:
        reason = {"reason": case.reason} if case.reason else {}
        return {"decision": "reject", "code": case.code, **reason}
    signing = case.recipe.signatures[case.accepted]
    keyid = _KEYID.search(signing.parameters)
    return {
        "decision": "accept",
        "identity": case.identity,
        "keyid": signing.key if keyid is None else keyid[1],
        "label": signing.label,
        "signature_base": sent.bases[case.accepted].decode("ascii"),
    }
