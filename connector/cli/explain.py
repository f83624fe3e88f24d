"""``ucp-connector explain``: why a request is accepted or refused, check by check."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from canonical import CanonicalError, Request, parse_signatures
from canonical.targets import normal_authority
from connector.authentication.older import DETACHED_JWS, TALOS
from connector.cli.failure import CommandError
from connector.diagnosis.audit_record import explain_record
from connector.diagnosis.document_table import OneDocument
from connector.diagnosis.explanation import explain
from connector.diagnosis.explanation_report import (
    as_json,
    as_text,
    record_as_json,
    record_as_text,
)
from connector.diagnosis.inputs import KINDS, MAX_INPUT, read_input
from connector.diagnosis.judging import MERCHANT, Judge, merchant_settings
from connector.diagnosis.key_documents import as_profile
from connector.diagnosis.profile_sources import RememberedFetch
from connector.diagnosis.raw_request import RawRequestError
from connector.diagnosis.their_base import MAX_BASE
from connector.diagnosis.vectors import Accept
from connector.egress.fetch import Fetcher
from connector.egress.resolving import Resolver
from connector.egress.urls import normalise
from connector.errors import Refusal
from connector.platforms.agent import read_agent
from connector.settings.loading import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from connector.diagnosis.checks import Explanation
    from connector.diagnosis.vectors import WireRequest
    from connector.settings.schema import Settings

# The first segments of the operations' paths: what stands before them is the endpoint.
_OPERATIONS: Final = re.compile(r"(.*?)/(?:checkout-sessions|carts|orders|catalog)(?:[/?].*)?")
_OLDER_VERSIONS: Final = ("2026-01-23", "2026-01-11")
_MAX_DOCUMENT: Final = 1 << 20
_URL: Final = re.compile(r"https?://", re.IGNORECASE)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        "request",
        nargs="?",
        default="-",
        metavar="FILE",
        help="raw HTTP, a curl command line, a HAR file or entry, or an audit record (or stdin)",
    )
    add("--input", choices=KINDS, help="what FILE holds (default: told by how it begins)")
    add("--entry", type=int, metavar="N", help="the entry of a HAR file, counted from 1")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--profile", metavar="FILE|URL", help="the platform's profile, with its keys")
    keys.add_argument("--key", metavar="FILE", help="the public key: JWK, JWK set or PEM")
    keys.add_argument("--fetch", action="store_true", help="fetch the profile that UCP-Agent names")
    add("--their-base", metavar="FILE", help="the signer's own signature base, to compare")
    add("--scheme", choices=("https", "http"), help="the merchant's scheme (default: the URL's)")
    add("--authority", metavar="HOST", help="the merchant's authority (default: the Host)")
    add("--endpoint", metavar="PATH", help="the REST endpoint (default: told by the path)")
    add("--version", action="append", metavar="DATE", help="a version that the merchant speaks")
    add(
        "--allow",
        choices=(DETACHED_JWS, TALOS),
        help="judge as if the platform were registered for this older scheme",
    )
    add(
        "--signature-agent",
        action="store_true",
        help="judge as a merchant who looks keys up by Signature-Agent, too",
    )
    add("--now", type=float, metavar="SECONDS", help="UNIX time of arrival (default: now)")
    add("--allow-loopback-profile", action="store_true", help="accept a profile URL on loopback")
    add("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Explain; 0 where the request is accepted, 1 where it is refused."""
    data = _octets(arguments.request, MAX_INPUT)
    their_base = None if arguments.their_base is None else _octets(arguments.their_base, MAX_BASE)
    try:
        given = read_input(
            data,
            kind=arguments.input,
            scheme=arguments.scheme,
            entry=arguments.entry,
            read_file=lambda path: _octets(path, MAX_INPUT),
        )
        if given.request is None:
            record = explain_record(given.record, their_base)
            text = record_as_json(record) if arguments.json else record_as_text(record)
            sys.stdout.write(f"{text}\n")
            return 0 if record.good else 1
        explanation, notes = _explained(arguments, given.request, their_base)
    except (RawRequestError, ConfigurationError) as error:
        raise CommandError(f"{arguments.request}: {error}") from error
    text = (
        as_json(given.kind, explanation, notes) if arguments.json else as_text(explanation, notes)
    )
    sys.stdout.write(f"{text}\n")
    return 0 if isinstance(explanation.decision, Accept) else 1


def _explained(
    arguments: argparse.Namespace, request: WireRequest, their_base: bytes | None
) -> tuple[Explanation, list[str]]:
    """Judge the request with the keys that were asked for."""
    endpoint = _endpoint(arguments, request)
    merchant = _merchant(arguments, request, endpoint)
    discovery = {"insecure_allow_loopback_profiles": arguments.allow_loopback_profile}
    settings = merchant_settings(merchant, discovery=discovery)
    source = _source(arguments, request, settings)
    if arguments.allow is not None:
        merchant["platforms"] |= _registered(arguments, request, source)
        settings = merchant_settings(merchant, discovery=discovery)
    now = time.time() if arguments.now is None else arguments.now

    async def explained() -> Explanation:
        judge = Judge(settings, source, now)
        try:
            return await explain(
                request, judge, profile=source.seen, endpoint=endpoint, their_base=their_base
            )
        finally:
            await judge.aclose()

    explanation = asyncio.run(explained())
    notes = _notes(arguments, source)
    if their_base is not None and all(each.theirs is None for each in explanation.candidates):
        notes.append("there is no signature that the signer's base could belong to")
    return explanation, notes


def _source(
    arguments: argparse.Namespace, request: WireRequest, settings: Settings
) -> OneDocument | RememberedFetch:
    """Return where the profile comes from."""
    if arguments.key is not None:
        data = _octets(arguments.key, _MAX_DOCUMENT)
        version = (arguments.version or MERCHANT["versions"])[0]
        try:
            return OneDocument(as_profile(data, _keyids(request), version))
        except RawRequestError as error:
            raise CommandError(f"{arguments.key}: {error}") from error
    given = arguments.profile
    if given is not None and _URL.match(given) is None:
        return OneDocument(_octets(given, _MAX_DOCUMENT))
    if given is None and not arguments.fetch:
        return OneDocument(None)
    discovery = settings.discovery
    fetcher = Fetcher(
        resolve=Resolver(1),
        tls=ssl.create_default_context(),
        max_document=discovery.max_document,
        connect_timeout=discovery.connect_timeout,
        timeout=discovery.timeout,
        allow_loopback=discovery.insecure_allow_loopback_profiles,
    )
    if given is None:
        return RememberedFetch(fetcher)
    try:
        return RememberedFetch(
            fetcher, normalise(given, allow_loopback=arguments.allow_loopback_profile)
        )
    except Refusal as refusal:
        raise CommandError(f"--profile: {refusal.explanation}") from refusal


def _registered(
    arguments: argparse.Namespace, request: WireRequest, source: OneDocument | RememberedFetch
) -> dict[str, Any]:
    """Register the platform that the request names, for the older scheme."""
    agent = b", ".join(value for name, value in request.headers if name.lower() == b"ucp-agent")
    try:
        url = read_agent(agent, allow_loopback=arguments.allow_loopback_profile).url
    except Refusal:
        return {}  # The check of UCP-Agent says so.
    terms: dict[str, Any] = {"profile": url, "schemes": ["rfc9421", arguments.allow]}
    if arguments.allow == TALOS:
        # It needs pinned keys (ucp-rules section 4).
        try:
            profile = json.loads(source.seen() or b"")
            terms |= {"keys": profile["keys"], "version": profile["ucp"]["version"]}
        except (ValueError, TypeError, KeyError):
            raise CommandError("--allow talos needs --key, or --profile with a file") from None
    return {"registered": [terms]}


def _notes(arguments: argparse.Namespace, source: OneDocument | RememberedFetch) -> list[str]:
    notes = []
    if arguments.key is not None:
        notes.append("the keys of --key stand in for the profile, which was not looked at")
    asked = source.asked if isinstance(source, RememberedFetch) else ""
    if asked and arguments.profile not in (None, asked):
        notes.append(f"UCP-Agent names {ascii(asked)[1:-1]}, not the profile given")
    return notes


def _keyids(request: WireRequest) -> list[str]:
    """Name the keys that the request's signatures ask for."""
    message = Request(method=request.method, target=request.target, headers=request.headers)
    try:
        signatures = parse_signatures(message)
    except CanonicalError:
        return []
    named = (str(signature.parameters.get("keyid", "")) for signature in signatures[:4])
    return list(dict.fromkeys(named))


def _octets(path: str, limit: int) -> bytes:
    """Read a file, or standard input for ``-``, of at most ``limit`` octets."""
    if path == "-":
        data = sys.stdin.buffer.read(limit + 1)
    else:
        with Path(path).open("rb") as file:
            data = file.read(limit + 1)
    if len(data) > limit:
        raise CommandError(f"{path}: more than {limit} octets")
    return data


def _endpoint(arguments: argparse.Namespace, request: WireRequest) -> str:
    if arguments.endpoint is not None:
        return str(arguments.endpoint)
    match = _OPERATIONS.fullmatch(request.target)
    return match[1] if match else ""


def _merchant(arguments: argparse.Namespace, request: WireRequest, endpoint: str) -> dict[str, Any]:
    """Describe the merchant that the request was meant for."""
    authority = arguments.authority
    if authority is None:
        hosts = [value for name, value in request.headers if name.lower() == b"host"]
        authority = hosts[0].decode("latin-1") if hosts else "host.missing"
        # A merchant's authorities are listed without the default port; Host may have it.
        with suppress(CanonicalError):
            authority = normal_authority(request.scheme, authority)
    merchant: dict[str, Any] = {
        "scheme": request.scheme,
        "authorities": [authority.lower()],
        "endpoints": {"rest": endpoint or "/", "mcp": "off"},
        "platforms": {
            "signature_agent": "same_as_ucp_agent" if arguments.signature_agent else "off"
        },
    }
    if arguments.version or arguments.allow is not None:
        merchant["versions"] = arguments.version or [*MERCHANT["versions"], *_OLDER_VERSIONS]
    return merchant
