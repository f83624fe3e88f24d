"""How a profile is reached: its URL, TLS, address and the answer's head."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from connector.diagnosis.doctor.facts import BUSINESS, Failed
from connector.diagnosis.doctor.finding import Rule, shown, told
from connector.egress.addresses import is_loopback
from connector.signing.publishing import PROFILE_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.doctor.facts import Visit
    from connector.diagnosis.doctor.finding import Finding
    from connector.egress.fetch import Exchange

URL: Final = Rule("url", "ucp-rules section 3.3; RFC 3986 section 6.2.2")
HTTPS: Final = Rule("https", "UCP overview, Hosting 1")
ADDRESS: Final = Rule("address", "UCP overview, Fetching 7; ucp-rules section 6")
TLS: Final = Rule("tls", "UCP overview, Transport Security; RFC 9110 section 4.3.4")
ANSWER: Final = Rule("answer", "UCP overview, Fetching 3 and 8; ucp-rules section 6")
REDIRECT: Final = Rule("redirect", "UCP overview, Hosting 2")
STATUS: Final = Rule("status", "UCP overview, Fetching; ucp-rules section 6")
MEDIA_TYPE: Final = Rule("media-type", "RFC 8259 section 11")
ENCODING: Final = Rule("content-encoding", "ucp-rules section 6; RFC 9110 section 12.5.3")
SIZE: Final = Rule("size", "UCP overview, Fetching 8")

# RFC 6839 section 3.1: what ends in +json is read as JSON.
_JSON: Final = re.compile(r"application/(?:[a-z0-9.\-]{1,80}\+)?json")
_LEAST_BOUND: Final = 128 * 1024
_DAY: Final = 86_400.0
_FEW_DAYS: Final = 14
_PATIENT: Final = "Have it answer at once, and from more than one place."


def url_findings(given: str, visit: Visit, role: str | None) -> Iterator[Finding]:
    """Judge the URL itself, which has been normalised already."""
    url = visit.url
    if given != url.url:
        yield URL.warning(
            f"compared as {shown(url.url)}", f"Write it as {shown(url.url)} wherever it is named."
        )
    elif "?" in url.target:
        yield URL.warning("it has a query", "Leave the query out: the URL is a lasting identity.")
    elif role == BUSINESS and url.target != PROFILE_PATH:
        yield URL.warning(
            f"a business publishes at {PROFILE_PATH}",
            "Publish the current version there; other paths are for supported_versions.",
        )
    else:
        yield URL.ok(shown(url.url))
    if url.scheme == "https":
        yield HTTPS.ok("HTTPS")
    else:
        yield HTTPS.warning("plain HTTP, allowed for this test alone", "Serve it over HTTPS.")


def failure_finding(failed: Failed) -> Finding:
    """Say why there was no answer at all."""
    saw = told(failed.explanation)
    if failed.tls:
        return TLS.broken(
            told(failed.tls),
            "Speak TLS 1.2 or later, with a certificate for this very name and its whole chain.",
        )
    if failed.code == "discovery_pending":
        return ADDRESS.broken(
            f"the resolver of this machine failed: {saw}", "Mend the DNS here and ask again."
        )
    if failed.reason == "unresolvable":
        return ADDRESS.broken(saw, "Publish an A or AAAA record for the name.")
    if failed.code == "invalid_profile_url":
        return ADDRESS.broken(saw, "Have every address of the name be a public one.")
    if failed.reason == "too_large":
        return SIZE.broken(saw, "Publish a document of less than 128 KiB.")
    if failed.reason == "headers_too_large":
        return ANSWER.broken(saw, "Send fewer and shorter header lines.")
    if failed.reason == "timeout":
        return ANSWER.broken(saw, _PATIENT)
    return ANSWER.broken(saw, "Make the server reachable from the internet, and look at its log.")


def connection_findings(visit: Visit, answer: Exchange) -> Iterator[Finding]:
    """Judge the connection that the answer came over."""
    if answer.peer is not None and is_loopback(answer.peer):
        yield ADDRESS.warning(
            f"{answer.peer}, allowed for this test alone", "Publish it at a public address."
        )
    else:
        yield ADDRESS.ok(f"{answer.peer}; every address of the name is public")
    if visit.certificate_ends is None:
        return
    days = int((visit.certificate_ends - visit.now) // _DAY)
    if days < _FEW_DAYS:
        yield TLS.warning(
            f"the certificate is valid for {days} more days", "Renew it, and automate that."
        )
    else:
        yield TLS.ok(f"the certificate is for this name and valid for {days} days")


def head_findings(answer: Exchange) -> Iterator[Finding]:
    """Judge status and representation headers."""
    if 300 <= answer.status < 400:
        yield REDIRECT.broken(
            f"status {answer.status} to {shown(answer.field(b'location'))}",
            "Serve the document at this URL, or name the other URL as the profile's.",
        )
        return
    yield REDIRECT.ok("none")
    if answer.status != 200:
        yield STATUS.broken(f"status {answer.status}", "Answer 200 to GET without credentials.")
        return
    yield STATUS.ok("200")
    yield _media_type(answer.field(b"content-type"))
    encoding = answer.field(b"content-encoding")
    if encoding.lower() not in {"", "identity"}:
        yield ENCODING.broken(
            f"{shown(encoding)}, though Accept-Encoding asks for identity",
            "Encode only for those who accept it.",
        )
    else:
        yield ENCODING.ok("none")
    size = len(answer.body)
    if size > _LEAST_BOUND:
        yield SIZE.warning(
            f"{size} octets; verifiers need not read more than {_LEAST_BOUND}",
            "Publish a document of less than 128 KiB.",
        )
    else:
        yield SIZE.ok(f"{size} octets")


def _media_type(value: str) -> Finding:
    media_type = value.partition(";")[0].strip().lower()
    if _JSON.fullmatch(media_type):
        return MEDIA_TYPE.ok(media_type)
    saw = shown(value) if value else "no Content-Type"
    return MEDIA_TYPE.warning(saw, "Send Content-Type: application/json.")
