"""How long a profile may be kept, and what it costs to ask again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from connector.diagnosis.doctor.facts import BUSINESS, Failed
from connector.diagnosis.doctor.finding import Rule, shown, told
from connector.platforms.freshness import (
    CEILING_DISCOVERED,
    CEILING_REGISTERED,
    FLOOR,
    life,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.doctor.facts import Answered, Visit
    from connector.diagnosis.doctor.finding import Finding
    from connector.egress.fetch import Exchange

CACHE_CONTROL: Final = Rule("cache-control", "UCP overview, Hosting 3; RFC 9111 section 5.2.2")
LIFETIME: Final = Rule("lifetime", "ucp-rules section 6; UCP overview, Fetching 4")
VALIDATOR: Final = Rule("validator", "UCP overview, Hosting 4; RFC 9110 section 8.8")
REVALIDATION: Final = Rule("revalidation", "UCP overview, Hosting 4; RFC 9110 section 13.1")
HEAD: Final = Rule("head", "ucp-rules section 9; RFC 9110 section 9.1")
CORS: Final = Rule("cors", "ucp-rules section 9")

_SEND: Final = 'Send "Cache-Control: public, max-age=300", or another max-age from 60 on.'
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


def caching_findings(visit: Visit, answer: Exchange, role: str | None) -> Iterator[Finding]:
    """Judge what a 200 answer lets caches do."""
    cache_control = answer.field(b"cache-control")
    yield _cache_control(cache_control)
    yield _lifetime(cache_control, answer.field(b"age"))
    if answer.field(b"etag") or answer.field(b"last-modified"):
        yield VALIDATOR.ok("ETag" if answer.field(b"etag") else "Last-Modified")
        yield _revalidation(visit.again)
    else:
        yield VALIDATOR.warning("neither ETag nor Last-Modified", "Send an ETag.")
    yield _head(visit.head)
    if role == BUSINESS:
        yield _cors(answer.field(b"access-control-allow-origin"))


def directives(cache_control: str) -> dict[str, list[str]]:
    """Read Cache-Control: the values of each directive, as often as it stands there."""
    found: dict[str, list[str]] = {}
    for part in cache_control.split(","):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), []).append(value.strip().strip('"'))
    found.pop("", None)
    return found


def _cache_control(text: str) -> Finding:
    if not text:
        return CACHE_CONTROL.broken("no Cache-Control", _SEND)
    found = directives(text)
    forbidding = [name for name in ("private", "no-store", "no-cache") if name in found]
    if forbidding:
        return CACHE_CONTROL.broken(f"it has {', '.join(forbidding)}", _SEND)
    if "public" not in found:
        return CACHE_CONTROL.broken(f"{shown(text)} lacks public", _SEND)
    ages = found.get("max-age", [])
    if not ages or not all(map(_SECONDS.fullmatch, ages)) or min(map(int, ages)) < FLOOR:
        return CACHE_CONTROL.broken(f"{shown(text)} has no max-age of 60 seconds or more", _SEND)
    return CACHE_CONTROL.ok(shown(text))


def _lifetime(cache_control: str, age: str) -> Finding:
    kept = life(cache_control, age, 0.0)
    saw = f"kept for {kept.discovered_until:.0f} s, where registered {kept.registered_until:.0f} s"
    if kept.stale_for:
        saw += f", and {kept.stale_for:.0f} s more while it is fetched again"
    if age and not _SECONDS.fullmatch(age):
        return LIFETIME.warning(f"{saw}: Age {shown(age)} is no number", "Send one Age, or none.")
    ages = directives(cache_control).get("max-age", [])
    allowed = [int(each) for each in ages if _SECONDS.fullmatch(each)]
    if age and allowed and int(age) >= min(allowed):
        return LIFETIME.warning(
            f"{saw}: its Age of {age} s leaves nothing of max-age",
            "Have the cache in front of it fetch a fresh copy before max-age has passed.",
        )
    bounds = f"floor {FLOOR:.0f} s, ceilings {CEILING_DISCOVERED:.0f} and {CEILING_REGISTERED:.0f}"
    return LIFETIME.ok(f"{saw} ({bounds} s)")


def _revalidation(again: Answered | None) -> Finding:
    if again is not None and not isinstance(again, Failed) and again.status == 304:
        return REVALIDATION.ok("304 to those who have it")
    return REVALIDATION.warning(
        f"asked again with its validator: {_came(again)}",
        "Answer 304 to an If-None-Match or If-Modified-Since that is current.",
    )


def _head(head: Answered | None) -> Finding:
    if head is not None and not isinstance(head, Failed) and head.status == 200:
        return HEAD.ok("200")
    return HEAD.warning(f"HEAD: {_came(head)}", "Answer HEAD as GET, without the body.")


def _cors(origin: str) -> Finding:
    if origin == "*":
        return CORS.ok("open to every origin")
    saw = shown(origin) if origin else "no Access-Control-Allow-Origin"
    return CORS.warning(saw, 'Send "Access-Control-Allow-Origin: *", so that browsers may read it.')


def _came(answer: Answered | None) -> str:
    if answer is None:
        return "not asked"
    if isinstance(answer, Failed):
        return told(answer.explanation)
    return f"status {answer.status}"
