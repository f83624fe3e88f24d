"""The keys of a profile: who reads which list, and what each key is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from canonical import CanonicalError, DuplicateKey, load_key, load_key_set
from canonical.keys import serves_signatures
from connector.diagnosis.doctor.document import secret_members, ucp_of, version_of
from connector.diagnosis.doctor.facts import PLATFORM
from connector.diagnosis.doctor.finding import Rule, shown, told
from connector.platforms.documents import MAX_KEYS, MAX_KID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canonical import Key
    from connector.diagnosis.doctor.finding import Finding

LISTS: Final = Rule("key-lists", "UCP overview, Profile Structure; ucp-rules section 2")
NESTED: Final = Rule("key-nesting", "UCP overview, Profile Structure; ucp-rules section 2")
KEY: Final = Rule("key", "UCP signatures, Key Format; ucp-rules section 3.4")
KIDS: Final = Rule("key-ids", "ucp-rules section 3.4; RFC 7517 section 4.5")
BASELINE: Final = Rule("key-algorithms", "UCP signatures, Signature Algorithms")

_NEW, _OLD = "keys", "signing_keys"
_SINCE_KEYS: Final = "2026-08-25"
_KINDS: Final = frozenset({("EC", "P-256"), ("EC", "P-384"), ("OKP", "Ed25519")})


def key_findings(document: dict[str, Any], role: str) -> Iterator[Finding]:
    """Judge every key and the lists that they stand in."""
    yield _lists(document, role)
    nested = [f"ucp.{name}" for name in (_NEW, _OLD) if name in ucp_of(document)]
    if nested:
        yield NESTED.warning(
            f"{' and '.join(nested)}: only those read it who are told to (discovery.nested_keys)",
            "Publish the keys at the top of the document.",
        )
    read = _NEW if _NEW in document else _OLD
    entries = _entries(document, read)
    judged = [_judge(entry, f"{read}[{number}]") for number, entry in enumerate(entries)]
    yield from (finding for finding, _ in judged)
    usable = [key for _, key in judged if key is not None]
    if document.get(_NEW) or document.get(_OLD):
        yield _kids(entries)
        yield _baseline(usable, role)


def _entries(document: dict[str, Any], name: str) -> list[Any]:
    entries = document.get(name)
    return entries[:MAX_KEYS] if isinstance(entries, list) else []


def _lists(document: dict[str, Any], role: str) -> Finding:
    for name in (_NEW, _OLD):
        entries = document.get(name, [])
        if not isinstance(entries, list):
            return LISTS.broken(f"{name} is {shown(entries)}", f"Make {name} a list of JWKs.")
        if len(entries) > MAX_KEYS:
            return LISTS.broken(
                f"{name} has {len(entries)} keys, more than {MAX_KEYS}", "Remove the old ones."
            )
    if not document.get(_NEW) and not document.get(_OLD):
        if role == PLATFORM:
            return LISTS.broken("no keys", "Publish keys: nothing that you sign can be verified.")
        return LISTS.warning("no keys", "Publish keys, or sign neither answers nor webhooks.")
    return _readers(document, role)


def _readers(document: dict[str, Any], role: str) -> Finding:
    """Say what a verifier of each version would read, and whether it is the same."""
    saw = (
        f"{_OLD} (read before {_SINCE_KEYS}): {_count(document, _OLD)};"
        f" {_NEW} (read since): {_count(document, _NEW)};"
        f" this gateway reads {_NEW if _NEW in document else _OLD}"
    )
    version = version_of(document)
    # The version says which list its readers look at; without one the newest counts.
    wanted = _NEW if not version or version >= _SINCE_KEYS else _OLD
    other = _OLD if wanted == _NEW else _NEW
    if wanted not in document:
        return LISTS.broken(saw, f'Publish the same list as "{wanted}", too.')
    if other not in document:
        if role == PLATFORM:
            return LISTS.ok(saw)
        advice = f'Publish the same list as "{other}", too: platforms of all versions come.'
        return LISTS.warning(saw, advice)
    if _names(document, _NEW) != _names(document, _OLD):
        return LISTS.warning(f"{saw}; the two differ", "Publish the same keys in both lists.")
    return LISTS.ok(saw)


def _count(document: dict[str, Any], name: str) -> str:
    return str(len(document[name])) if name in document else "missing"


def _names(document: dict[str, Any], name: str) -> list[str]:
    return sorted(repr(sorted(e.items(), key=repr)) for e in document[name] if isinstance(e, dict))


def _judge(entry: object, place: str) -> tuple[Finding, Key | None]:
    if not isinstance(entry, dict):
        return KEY.broken(f"it is {shown(entry)}", "Publish a JWK.", place), None
    kid = entry.get("kid")
    subject = f"{place} {shown(kid)}" if isinstance(kid, str) else place
    fault = _fault(entry)
    if fault is not None:
        return KEY.broken(*fault, subject), None
    if not serves_signatures(entry):
        saw = "not for signatures, by its use or key_ops"
        return KEY.warning(saw, 'Take it out, or say "use": "sig".', subject), None
    try:
        key = load_key(entry)
    except CanonicalError as error:
        if (entry.get("kty"), entry.get("crv")) in _KINDS:
            advice = "Publish it anew from the key itself: nobody can use this one."
            return KEY.broken(told(str(error)), advice, subject), None
        saw = f"of a kind that few verifiers use: {told(str(error))}"
        return KEY.warning(saw, "Sign with a P-256 key for whoever refuses it.", subject), None
    return _usable(entry, key, subject), key


def _fault(entry: dict[str, Any]) -> tuple[str, str] | None:
    if secret_members(entry):
        return "its secret half is published", "Revoke this key today, and make a new one."
    kid = entry.get("kid")
    if not isinstance(kid, str) or not kid:
        return "it has no kid", "Give it one: a signature's keyid names it by that."
    if len(kid) > MAX_KID:
        return f"its kid has more than {MAX_KID} characters", "Give it a shorter one."
    if not isinstance(entry.get("kty"), str) or not isinstance(entry.get("crv", ""), str):
        return "its kty or crv is no text", "Publish a JWK."
    return None


def _usable(entry: dict[str, Any], key: Key, subject: str) -> Finding:
    named = ", its kid, as Web Bot Auth asks" if key.kid == key.thumbprint else ""
    saw = f"{key.algorithm}, thumbprint {key.thumbprint}{named}"
    if entry.get("alg") == "Ed25519":
        return KEY.warning(f"{saw}; alg Ed25519", 'Say "alg": "EdDSA", or leave it out.', subject)
    return KEY.ok(saw, subject)


def _kids(entries: list[Any]) -> Finding:
    """Two different keys under one kid make both useless."""
    listed = load_key_set(entries)
    kids = [entry.get("kid") for entry in entries if isinstance(entry, dict)]
    texts = [kid for kid in kids if isinstance(kid, str)]
    for kid in dict.fromkeys(texts):
        try:
            listed.get(kid)
        except DuplicateKey as error:
            return KIDS.broken(told(str(error)), "Give each key a kid of its own.")
        except CanonicalError:
            continue  # The key itself is told of.
    if len(set(texts)) < len(texts):
        return KIDS.warning("a kid occurs twice", "List each key once.")
    return KIDS.ok("each is there once")


def _baseline(usable: list[Key], role: str) -> Finding:
    algorithms = sorted({key.algorithm for key in usable})
    if not usable:
        advice = "Publish a P-256 key."
        return BASELINE.broken("no key that can be used", advice)
    if "ES256" not in algorithms:
        return BASELINE.warning(
            f"{' and '.join(algorithms)} only: ES256 alone is what everybody verifies",
            "Publish a P-256 key, too, and sign with it where nothing else was agreed.",
        )
    who = "businesses" if role == PLATFORM else "platforms"
    return BASELINE.ok(f"{' and '.join(algorithms)}: all {who} verify ES256")
