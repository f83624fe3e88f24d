"""From topics to the files of ``vectors/``: the same octets each time."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from connector.diagnosis.generator import business, documents
from connector.diagnosis.generator.keys import SIGNERS, private_jwk
from connector.diagnosis.generator.recipes import NOW, detached_keyid, send
from connector.diagnosis.generator.repairs import Members, cost, difference, repair
from connector.diagnosis.generator.topics import (
    agents,
    ap2,
    ap2_canonical,
    bases,
    bound_responses,
    candidates,
    coverage,
    detached_jws,
    digests,
    encodings,
    framing,
    identities,
    january_webhooks,
    jws_headers,
    keys,
    labels,
    mcp,
    operations,
    presence,
    profiles,
    requests,
    responses,
    signature_agents,
    signatures,
    structured_fields,
    talos,
    talos_bindings,
    targets,
    times,
    versions,
    web_bot_auth,
    webhooks,
    wire,
)
from connector.diagnosis.generator.twins import twin_of
from connector.diagnosis.vectors import ANSWERED, FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from connector.diagnosis.generator.recipes import Case, Sent, Topic

TOPICS: Final[dict[str, Topic]] = {
    "agents.json": agents.TOPIC,
    "ap2.json": ap2.TOPIC,
    "ap2_canonical.json": ap2_canonical.TOPIC,
    "bases.json": bases.TOPIC,
    "bound_responses.json": bound_responses.TOPIC,
    "candidates.json": candidates.TOPIC,
    "coverage.json": coverage.TOPIC,
    "detached_jws.json": detached_jws.TOPIC,
    "digests.json": digests.TOPIC,
    "encodings.json": encodings.TOPIC,
    "framing.json": framing.TOPIC,
    "identities.json": identities.TOPIC,
    "january_webhooks.json": january_webhooks.TOPIC,
    "jws_headers.json": jws_headers.TOPIC,
    "keys.json": keys.TOPIC,
    "labels.json": labels.TOPIC,
    "mcp.json": mcp.TOPIC,
    "operations.json": operations.TOPIC,
    "presence.json": presence.TOPIC,
    "profiles.json": profiles.TOPIC,
    "requests.json": requests.TOPIC,
    "responses.json": responses.TOPIC,
    "signature_agents.json": signature_agents.TOPIC,
    "signatures.json": signatures.TOPIC,
    "structured_fields.json": structured_fields.TOPIC,
    "talos.json": talos.TOPIC,
    "talos_bindings.json": talos_bindings.TOPIC,
    "targets.json": targets.TOPIC,
    "times.json": times.TOPIC,
    "versions.json": versions.TOPIC,
    "web_bot_auth.json": web_bot_auth.TOPIC,
    "webhooks.json": webhooks.TOPIC,
    "wire.json": wire.TOPIC,
}
DOCUMENTS: Final = {**documents.DOCUMENTS, **business.DOCUMENTS}
"""What stands behind every URL that a case may name."""
_SPEC: Final = "2026-08-25"
# A list of two strings, a header line above all, stands on one line.
_PAIR: Final = re.compile(r'\[\s+("(?:[^"\\]|\\.)*"),\s+("(?:[^"\\]|\\.)*")\s+\]')
_LINE: Final = re.compile(r"/request/headers/(\d+)/1")
_KEYID: Final = re.compile(r';keyid="([^"]+)"')


def render(topic: Topic) -> bytes:
    """Return one file: JSON, indented, ASCII, with a line feed at its end.

    It holds the keys that its cases sign with and the documents that they name, and no others.
    """
    signers = {key for case in topic.cases for key in _signers(case).values()}
    named = {text for case in topic.cases for text in _profiles(case)}
    cases = {case.id: _case(case) for case in topic.cases}
    for case in topic.cases:
        if case.code:
            cases[case.id] |= _repair(case, topic, cases)
    document = {
        "format": FORMAT,
        "title": topic.title,
        "spec": _SPEC,
        "keys": {name: private_jwk(name) for name in SIGNERS if name in signers},
        "documents": _documents(named),
        "cases": list(cases.values()),
    }
    text = _PAIR.sub(r"[\1, \2]", json.dumps(document, indent=1))
    return text.encode("ascii") + b"\n"


def _documents(texts: Iterable[str]) -> Members:
    """Return the documents that are named in these texts, and those that they name in turn."""
    found: set[str] = set()
    waiting = list(texts)
    while waiting:
        text = waiting.pop()
        for url, body in DOCUMENTS.items():
            if url not in found and f'"{url}"' in text:
                found.add(url)
                waiting.append(json.dumps(body))
    return {url: body for url, body in DOCUMENTS.items() if url in found}


def _signers(case: Case) -> dict[str, str]:
    """Return the label of each signature, empty for one without, and the name of its key."""
    recipe = case.recipe
    detached = {"": recipe.detached.key} if recipe.detached is not None else {}
    return {**detached, **{each.label: each.key for each in recipe.signatures}}


def _profiles(case: Case) -> Iterator[str]:
    """Return texts in which the URLs of the profiles that a case names stand in quotes."""
    request = case.recipe.answers or case.recipe
    for name, value in request.headers:
        if name == "UCP-Agent":
            yield value.lower()
            # "HTTPS://Platform.Example:443/" is normalised before it is looked up.
            yield value.lower().replace(":443/", "/")
        if name == "Host" and case.kind in ANSWERED:
            yield f'"https://{value.lower()}/.well-known/ucp"'


def _repair(case: Case, topic: Topic, cases: Mapping[str, Members]) -> Members:
    """Return the nearest positive and what makes it of the case; empty where there is none."""
    ours = cases[case.id]
    found = []
    for other in topic.cases:
        if other.code or case.differs_from not in ("", other.id):
            continue
        change = repair(ours, cases[other.id], _signers(other))
        if change is not None:
            found.append((cost(ours, change), other.id, change))
    if not found and not case.document:
        return {}
    _, positive, change = min(found, key=lambda each: each[0], default=(0, case.differs_from, {}))
    return {"differs_from": positive, "repair": _of_document(case, ours, change) or change}


def _of_document(case: Case, ours: Members, change: Members) -> Members | None:
    """Return the repair of a document, where it is the document named that is wrong."""
    url = case.document
    line = _LINE.fullmatch(change.get("path", ""))
    if not url and line and ours["request"]["headers"][int(line[1])][0] == "UCP-Agent":
        named = set(_profiles(case))
        url = next((each for each in DOCUMENTS if any(f'"{each}"' in name for name in named)), "")
        if f'"{url}"' in change["value"].lower().replace(":443/", "/"):
            return None
    if not url:
        return None
    return difference({"documents": {url: DOCUMENTS[url]}}, {"documents": {url: twin_of(url)}})


def _case(case: Case) -> Members:
    sent = send(case.recipe, case.edits)
    members: Members = {
        "id": case.id,
        "description": case.description,
        "rule": case.rule,
        "now": NOW,
        "request": _request(sent.answers or sent),
    }
    if case.kind != "request":
        members["kind"] = case.kind
    if sent.status:
        members["response"] = {"status": sent.status, **_headers_and_body(sent)}
    members["expect"] = _expectation(case, sent)
    if case.settings:
        members["settings"] = dict(case.settings)
    return members


def _request(sent: Sent) -> Members:
    line = {"method": sent.method, "target": sent.target, "scheme": "https"}
    return {**line, **_headers_and_body(sent)}


def _headers_and_body(sent: Sent) -> Members:
    members: Members = {"headers": [list(line) for line in sent.headers]}
    if not sent.body:
        return members
    try:
        return {**members, "body": sent.body.decode("utf-8")}
    except UnicodeDecodeError:
        return {**members, "body_base64": b64encode(sent.body).decode("ascii")}


def _expectation(case: Case, sent: Sent) -> dict[str, str]:
    if case.code:
        reason = {"reason": case.reason} if case.reason else {}
        return {"decision": "reject", "code": case.code, **reason}
    base = sent.bases[case.accepted].decode("utf-8")
    detached = case.recipe.detached
    if detached is not None:
        return {
            "decision": "accept",
            "scheme": detached.scheme,
            "identity": case.identity,
            "keyid": detached_keyid(detached),
            "label": "",
            "signature_base": base,
        }
    signing = case.recipe.signatures[case.accepted]
    keyid = _KEYID.search(signing.parameters)
    return {
        "decision": "accept",
        "identity": case.identity,
        "keyid": signing.key if keyid is None else keyid[1],
        "label": signing.label,
        "signature_base": base,
    }
