"""What the oracles are asked about one case: a task for each of its signatures.

A task is JSON: ``scheme`` (what kind of signature), ``request``, ``response`` where that is what
is verified, ``label`` of the signature, ``keys`` (public JWKs, one that verifies is enough) and
``endpoint`` (of REST, without the last slash). Messages are as in a vector file, their bodies
always in base64.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from connector.diagnosis.vectors import RFC9421, Accept
from tests.oracles.keys import candidates, jws_keyid, profile_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.diagnosis.vectors import Case, VectorFile, WireRequest, WireResponse
    from connector.steps import RawHeaders

AP2: Final = "ap2"
DETACHED: Final = "detached-jws"
TALOS: Final = "talos"
_DEFAULT_LABEL: Final = "sig1"
_LABEL: Final = re.compile(r"(?:^|[,\s])([a-z*][a-z0-9_.*-]*)\s*=\s*(\([^)]*\)[^,]*)")
_KEYID: Final = re.compile(r';\s*keyid=(?:"([^"]*)"|([^",;\s]+))')


def tasks_of(file: VectorFile, case: Case) -> dict[str, dict[str, Any]]:
    """Return the tasks of a case by the label that each is about; no label is empty."""
    scheme = scheme_of(file, case)
    base = {"scheme": scheme, "request": message(case.request), "endpoint": _endpoint(case)}
    if case.response is not None:
        base["response"] = message(case.response)
    profile = profile_url(case)
    if scheme != RFC9421:
        keyid = jws_keyid(_jws(scheme, case))
        return {"": {**base, "label": "", "keys": candidates(file, case, profile, keyid)}}
    judged = case.response.headers if case.response is not None else case.request.headers
    return {
        label: {**base, "label": label, "keys": candidates(file, case, profile, keyid)}
        for label, keyid in labels(judged).items()
    }


def scheme_of(file: VectorFile, case: Case) -> str:
    """Return what kind of signature a case is about."""
    if case.kind == AP2:
        return AP2
    if isinstance(case.expect, Accept):
        return case.expect.scheme
    if values(case.request.headers, "signature", "signature-input") or case.response is not None:
        return RFC9421
    twin = next((each for each in file.cases if each.id == case.differs_from), None)
    if twin is not None and isinstance(twin.expect, Accept) and twin.expect.scheme != RFC9421:
        return twin.expect.scheme
    return DETACHED if values(case.request.headers, "request-signature") else RFC9421


def labels(headers: RawHeaders) -> dict[str, str | None]:
    """Return the labels that Signature-Input seems to have, each with its keyid.

    Headers may be as malformed as can be, so this is a search and no parser; where it finds
    nothing there is still a task, so that an oracle can say that there is no signature.
    """
    given = ", ".join(values(headers, "signature-input"))
    found: dict[str, str | None] = {}
    for label, member in _LABEL.findall(given):
        keyid = _KEYID.search(member)
        found.setdefault(label, (keyid[1] or keyid[2]) if keyid else None)
    return found or {_DEFAULT_LABEL: None}


def values(headers: RawHeaders, *names: str) -> list[str]:
    """Return the values of the lines with these names, in lower case."""
    wanted = {name.encode() for name in names}
    return [value.decode("latin-1") for name, value in headers if name.lower() in wanted]


def message(given: WireRequest | WireResponse) -> dict[str, Any]:
    """Return a message as the oracles read it."""
    members: dict[str, Any] = given._asdict()
    members["headers"] = [
        [name.decode("latin-1"), value.decode("latin-1")] for name, value in given.headers
    ]
    members["body_base64"] = base64.b64encode(members.pop("body")).decode()
    return members


def _endpoint(case: Case) -> str:
    endpoints: Mapping[str, str] = case.settings.get("endpoints", {})
    return endpoints.get("rest", "/").rstrip("/")


def _jws(scheme: str, case: Case) -> str:
    if scheme != AP2:
        return "".join(values(case.request.headers, "request-signature")[:1])
    found = re.search(rb'"merchant_authorization"\s*:\s*"([^"]*)"', _body(case))
    return found[1].decode("latin-1") if found else ""


def _body(case: Case) -> bytes:
    return case.response.body if case.response is not None else b""
