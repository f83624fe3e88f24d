"""A signed request as a case of a vector file that everybody may read.

What is expected is what this gateway's own rooms decide, and a case is written only if they accept
the request and the whole file still passes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connector.cli.failure import CHECK_FAILED, CommandError
from connector.cli.request_text import body_members
from connector.cli.signed_request import DETACHED_JWS, RFC9421, endpoint_of, is_json_rpc
from connector.diagnosis.document_table import DocumentTable
from connector.diagnosis.judging import MERCHANT, Judge, merchant_settings
from connector.diagnosis.runner import run_file
from connector.diagnosis.vectors import FORMAT, Accept, VectorFileError, read_vectors
from connector.diagnosis.verdicts import brief
from connector.errors import Refusal
from connector.platforms.agent import read_agent
from connector.settings.loading import ConfigurationError

if TYPE_CHECKING:
    from connector.cli.key_files import PrivateKey
    from connector.cli.signed_request import SignedRequest
    from connector.diagnosis.verdicts import Refused

_SPEC: Final = "2026-08-25"
_OLDER: Final = "2026-01-23"
"""The version that the older schemes are of."""
_TITLE: Final = "Cases made with ucp-connector sign"
# A list of two strings, a header line above all, stands on one line.
_PAIR: Final = re.compile(r'\[\s+("(?:[^"\\]|\\.)*"),\s+("(?:[^"\\]|\\.)*")\s+\]')


class Told(NamedTuple):
    """What a person says about a case, and where it goes."""

    path: str
    id: str
    description: str
    rule: str
    endpoint: str | None
    """The merchant's REST endpoint; None where the path tells it."""


def add_case(signed: SignedRequest, signer: PrivateKey, now: int, told: Told) -> int:
    """Add the request to the file, or begin one, and return how many cases it has.

    ``now`` is the verifier's clock. The signer's private key goes into the file: ask first. Raises
    CommandError, with status 1 where the request would be refused, and the file stays as it was.
    """
    if not _is_text(signed.base):
        raise CommandError("a vector file holds what was signed as text; sign it with --b64")
    document = _existing(told.path)
    url = _profile_url(signed)
    kid = {"kid": signed.keyid}
    public = {**signer.key.public_jwk(), **kid}
    _add_key(document["keys"], signed.keyid, {**signer.jwk, **kid})
    settings = _settings(signed, told.endpoint)
    if signed.scheme == RFC9421:
        _add_document(document["documents"], url, public)
    else:
        settings |= _registered(signed, url, public)
    case: dict[str, Any] = {
        "id": told.id,
        "description": told.description,
        "rule": told.rule,
        "settings": settings,
        "now": now,
        "request": _request(signed),
    }
    if not settings:
        del case["settings"]
    case["expect"] = _expectation({**document, "cases": [case]}, signed)
    document["cases"].append(case)
    data = _rendered(document)
    _check(told.path, data)
    _replace(Path(told.path), data)
    return len(document["cases"])


def _is_text(base: bytes) -> bool:
    try:
        base.decode()
    except UnicodeDecodeError:
        return False
    return True


def _existing(path: str) -> dict[str, Any]:
    if not Path(path).exists():
        empty: dict[str, Any] = {"keys": {}, "documents": {}, "cases": []}
        return {"format": FORMAT, "title": _TITLE, "spec": _SPEC, **empty}
    data = Path(path).read_bytes()
    try:
        read_vectors(data)
    except VectorFileError as error:
        raise CommandError(f"{path}: {error}") from error
    document: dict[str, Any] = json.loads(data)
    return document


def _profile_url(signed: SignedRequest) -> str:
    """Return the profile's URL as it is looked up."""
    lines = [value.encode() for name, value in signed.headers if name.lower() == "ucp-agent"]
    if not lines:
        raise CommandError("a case names the profile with the signer's key: give --profile")
    try:
        return read_agent(b", ".join(lines)).url
    except Refusal as refusal:
        raise CommandError(refusal.explanation) from refusal


def _add_key(keys: dict[str, Any], name: str, jwk: dict[str, Any]) -> None:
    if keys.setdefault(name, jwk).get("x") != jwk["x"]:
        raise CommandError(f"the file has another key with the name {name!r}: choose a --keyid")


def _add_document(documents: dict[str, Any], url: str, jwk: dict[str, Any]) -> None:
    """Publish the key in the profile, which may be there already with other keys."""
    profile = documents.setdefault(url, {"json": {"ucp": {"version": _SPEC}, "keys": []}})
    published = profile.get("json", {}).get("keys")
    if not isinstance(published, list):
        raise CommandError(f"in the file, {url} is no profile with keys")
    if not any(entry.get("kid") == jwk["kid"] for entry in published):
        published.append(jwk)


def _settings(signed: SignedRequest, endpoint: str | None) -> dict[str, Any]:
    """Describe the merchant that the request is for, where it is not that of all vector files."""
    draft = signed.draft
    if is_json_rpc(draft.body):
        endpoints = {"rest": "off", "mcp": draft.target.partition("?")[0]}
    else:
        rest = endpoint_of(draft.target) if endpoint is None else endpoint
        endpoints = {"rest": rest or "/", "mcp": "off"}
    host = next(value for name, value in signed.headers if name.lower() == "host")
    wanted: dict[str, Any] = {
        "authorities": [host.lower()],
        "scheme": draft.scheme,
        "endpoints": endpoints,
    }
    return {name: value for name, value in wanted.items() if MERCHANT[name] != value}


def _registered(signed: SignedRequest, url: str, jwk: dict[str, Any]) -> dict[str, Any]:
    """Register the platform, its key pinned: else no merchant takes an older scheme."""
    platform: dict[str, Any] = {
        "profile": url,
        "keys": [jwk],
        "version": _OLDER,
        "schemes": [signed.scheme],
    }
    if signed.scheme == DETACHED_JWS and not signed.draft.body:
        platform["allow_unbound_get"] = True
    return {
        "versions": [*MERCHANT["versions"], _OLDER],
        "platforms": {"discovery": "open", "registered": [platform]},
    }


def _request(signed: SignedRequest) -> dict[str, Any]:
    return {
        "method": signed.draft.method,
        "target": signed.draft.target,
        "scheme": signed.draft.scheme,
        # One character of a vector file's header is one octet.
        "headers": [[name, value.encode().decode("latin-1")] for name, value in signed.headers],
        **body_members(signed.draft.body),
    }


def _expectation(document: dict[str, Any], signed: SignedRequest) -> dict[str, Any]:
    """Return what the gateway's own rooms make of the request."""
    placeholder = {"decision": "reject", "code": "signature_invalid"}
    case = {**document["cases"][0], "expect": placeholder}
    file = read_vectors(json.dumps({**document, "cases": [case]}).encode("ascii"))
    (read,) = file.cases
    try:
        settings = merchant_settings(read.settings)
    except ConfigurationError as error:
        raise CommandError(f"no merchant has it: {'; '.join(error.problems)}") from error

    async def decided() -> Accept | Refused:
        judge = Judge(settings, DocumentTable(file.documents), read.now)
        try:
            return await judge.decide(read.request)
        finally:
            await judge.aclose()

    decision = asyncio.run(decided())
    if not isinstance(decision, Accept):
        text = f"it would be refused: {brief(decision)}: {decision.explanation}"
        raise CommandError(text, status=CHECK_FAILED)
    if decision.signature_base.encode() != signed.base:
        raise CommandError("the verifier's signature base differs", status=CHECK_FAILED)
    members = decision._asdict()
    if decision.scheme == RFC9421:
        del members["scheme"]  # what a case without it means
    return {"decision": "accept", **members}


def _rendered(document: dict[str, Any]) -> bytes:
    text = _PAIR.sub(r"[\1, \2]", json.dumps(document, indent=1))
    return text.encode("ascii") + b"\n"


def _check(path: str, data: bytes) -> None:
    """Run the file as it would be: what is written passes ``vectors run``."""
    try:
        outcomes = asyncio.run(run_file(path, read_vectors(data)))
    except VectorFileError as error:
        raise CommandError(f"{path}: {error}") from error
    bad = [outcome for outcome in outcomes if not outcome.good]
    if bad:
        text = f"{path}: with it, case {bad[0].id!r} would not pass: {bad[0].problem}"
        raise CommandError(text, status=CHECK_FAILED)


def _replace(path: Path, data: bytes) -> None:
    """Write the file whole, or leave it as it was."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as temporary:
        temporary.write(data)
    try:
        os.chmod(temporary.name, path.stat().st_mode & 0o777 if path.exists() else 0o644)  # noqa: PTH101 - a file's name, not a path of ours
        os.replace(temporary.name, path)  # noqa: PTH105 - likewise
    except OSError:
        Path(temporary.name).unlink()
        raise
