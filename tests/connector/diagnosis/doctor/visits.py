"""Visits to profiles in which nothing is wrong, and ways to spoil them."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from canonical import Key, Request, load_key
from connector.diagnosis.doctor.directory import directory_url
from connector.diagnosis.doctor.examination import Examination, examine
from connector.diagnosis.doctor.facts import BUSINESS, PLATFORM, Failed, Visit
from connector.egress.fetch import Exchange
from connector.egress.urls import normalise
from connector.signing.current import CurrentKeys
from connector.signing.directory import DIRECTORY_PATH, KeyDirectory
from connector.signing.key_document import new_private_jwk
from connector.signing.key_ring import SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.diagnosis.doctor.finding import Finding
    from connector.egress.addresses import Address

NOW: Final = 1_787_000_000.0
SHOP: Final = "https://shop.example.com/.well-known/ucp"
AGENT: Final = "https://platform.example/profile.json"
VERSION: Final = "2026-08-25"
OLDER: Final = "2026-04-08"
_UCP: Final = "https://ucp.dev"


@cache
def key(algorithm: str = "ES256") -> Key:
    return load_key(new_private_jwk(algorithm))


def business() -> dict[str, Any]:
    """A profile of a business, fit for platforms of all versions."""
    keys = [key().public_jwk(), key("EdDSA").public_jwk()]
    return {
        "ucp": {
            "version": VERSION,
            "supported_versions": {OLDER: f"{SHOP}/{OLDER}"},
            "services": {
                "dev.ucp.shopping": [
                    {
                        "version": VERSION,
                        "transport": "rest",
                        "endpoint": "https://shop.example.com/ucp/v1",
                        "schema": f"{_UCP}/rest.json",
                    },
                    {"version": VERSION, "transport": "embedded"},
                ]
            },
            "capabilities": {
                "dev.ucp.shopping.checkout": [_capability()],
                "dev.ucp.shopping.discount": [_capability(extends="dev.ucp.shopping.checkout")],
            },
            "payment_handlers": {
                "com.example.pay": [
                    {"id": "pay", "version": VERSION, "schema": "https://pay.example.com/pay.json"}
                ]
            },
        },
        "keys": keys,
        "signing_keys": copy.deepcopy(keys),
    }


def platform() -> dict[str, Any]:
    """A profile of a platform that is told of orders."""
    webhook = {"webhook_url": "https://platform.example/orders"}
    return {
        "ucp": {
            "version": VERSION,
            "services": {
                "dev.ucp.shopping": [
                    {
                        "version": VERSION,
                        "transport": "rest",
                        "spec": f"{_UCP}/spec",
                        "schema": f"{_UCP}/rest.json",
                    }
                ]
            },
            "capabilities": {"dev.ucp.shopping.order": [_capability(config=webhook)]},
            "payment_handlers": {
                "com.example.pay": [
                    {
                        "id": "pay",
                        "version": VERSION,
                        "spec": "https://example.com/pay",
                        "schema": "https://example.com/pay.json",
                    }
                ]
            },
        },
        "keys": [key().public_jwk()],
    }


def _capability(**more: Any) -> dict[str, Any]:
    return {"version": VERSION, "spec": f"{_UCP}/spec", "schema": f"{_UCP}/schema.json", **more}


def exchange(
    body: bytes = b"", status: int = 200, headers: dict[str, str] | None = None, **more: Any
) -> Exchange:
    lines = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    peer: Address = normalise("https://93.184.216.34/").address or _no_address()
    return Exchange(status, lines, body, more.get("peer", peer), None)


def _no_address() -> Address:
    raise AssertionError


HEADERS: Final = {
    "Content-Type": "application/json",
    "Cache-Control": "public, max-age=300",
    "ETag": '"1"',
    "Access-Control-Allow-Origin": "*",
}


def visited(document: dict[str, Any], url: str = SHOP, **changes: Any) -> Visit:
    """A visit on which the document was served well; ``changes`` are members of it."""
    where = normalise(url)
    whole = Visit(
        where,
        NOW,
        exchange(json.dumps(document).encode(), headers=HEADERS),
        NOW + 90 * 86_400,
        exchange(status=304),
        exchange(headers=HEADERS),
        directory(),
        {OLDER: exchange(json.dumps({"ucp": {"version": OLDER}}).encode())},
    )
    return whole._replace(**changes)


def directory(*keys: Key, authority: str = "shop.example.com") -> Exchange:
    """What our own directory of keys answers."""
    listed = [SigningKey(each, int(NOW) - 9, int(NOW) - 9) for each in keys or (key(),)]
    ours = KeyDirectory(CurrentKeys(listed, lambda: NOW), [authority])
    place = directory_url(normalise(f"https://{authority}/"))
    asked = Request(
        method="GET", target=place.target, scheme="https", headers=[(b"Host", authority.encode())]
    )
    assert place.target == DIRECTORY_PATH
    answer = ours.answer(asked)
    assert isinstance(answer.body, bytes)
    return Exchange(answer.status, list(answer.headers), answer.body, None, None)


def failed(code: str, reason: str, tls: str = "") -> Failed:
    return Failed(code, reason, f"told of {reason}", tls)


def examined(visit: Visit, role: str | None = None, given: str | None = None) -> Examination:
    return examine(visit.url.url if given is None else given, visit, role)


def findings(examination: Examination) -> list[Finding]:
    return [finding for section in examination.sections for finding in section.findings]


def found(examination: Examination, rule: str, verdict: str) -> Finding:
    """Return the only finding of this rule with this verdict."""
    (finding,) = (
        each for each in findings(examination) if (each.rule, each.verdict) == (rule, verdict)
    )
    return finding


def of_business(spoil: Callable[[dict[str, Any]], object], **changes: Any) -> Examination:
    """Examine a business's profile with one thing changed."""
    document = business()
    spoil(document)
    return examined(visited(document, **changes), BUSINESS)


def of_platform(spoil: Callable[[dict[str, Any]], object], **changes: Any) -> Examination:
    """Examine a platform's profile with one thing changed."""
    document = platform()
    spoil(document)
    return examined(visited(document, AGENT, directory=exchange(status=404), **changes), PLATFORM)
