"""A profile's octets to its version and keys: strict, bounded, and nothing else kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from connector.errors import Refusal
from connector.es256 import load_key_set
from connector.platforms.freshness import Life, ended, life

if TYPE_CHECKING:
    from canonical import KeySet
    from connector.egress.fetch import FetchedDocument
    from connector.egress.urls import ProfileUrl

MAX_DEPTH: Final = 32
MAX_KEYS: Final = 32
MAX_KID: Final = 256
"""Characters in a kid; no signature's keyid may be longer, so no longer kid is ever asked for."""
MAX_VERSION: Final = 32
"""Characters in a version: it is kept for as long as its profile is."""
# What a key is found, judged and loaded by; a stranger's other members are not kept in memory.
_MEMBERS: Final = ("kty", "crv", "x", "y", "kid", "use", "alg")
_NAMING: Final = ("kid", "use")
# Base64url of a P-384 coordinate has 64 characters, and no member of a usable key is longer.
_MAX_MEMBER: Final = 128
# Octets, as measured: a profile, and an entry with the key that it may become, without its text.
_PROFILE_WEIGHT: Final = 2368
_KEY_WEIGHT: Final = 1920


class Profile(NamedTuple):
    """What a platform's profile says, and when it said so. Times are UNIX seconds.

    Of a document of another kind it is the same: ``url.kind`` tells which.
    """

    url: ProfileUrl
    version: str
    """Empty where a document of another kind states none."""
    keys: "KeySet"
    fetched_at: float
    """When it was asked for: its life counts from here."""
    received_at: float
    """When it had come: it knows nothing later."""
    life: Life
    weight: int
    """Octets of memory, estimated."""
    jwks: ProfileUrl | None = None
    """Where the keys are, of a document that only says so."""
    ahead: float = 0.0
    """Seconds by which the clock of who fetched it may be ahead of ours."""

    @property
    def current_at(self) -> float:
        """When it certainly was what its platform publishes, or later, by our clock."""
        return self.received_at - self.ahead


def read_profile(
    url: ProfileUrl,
    document: FetchedDocument,
    *,
    fetched_at: float,
    received_at: float,
    nested_keys: bool = False,
) -> Profile:
    """Read a fetched profile; raises ``Refusal("profile_malformed")``.

    The keys are ``keys`` if present, else ``signing_keys`` (ucp-rules, section 2); below ``ucp``
    only with ``nested_keys``. A profile without either has no keys.
    """
    profile = parse_object(document.body)
    ucp = profile.get("ucp")
    version = ucp.get("version") if isinstance(ucp, dict) else None
    if not isinstance(version, str):
        raise malformed("version_missing", "the profile has no ucp.version")
    places = (profile, ucp) if nested_keys and isinstance(ucp, dict) else (profile,)
    entries: Any = next(
        (place[name] for place in places for name in ("keys", "signing_keys") if name in place), []
    )
    return made(
        url,
        document,
        checked_version(version),
        kept_entries(entries),
        fetched_at=fetched_at,
        received_at=received_at,
    )


def made(
    url: ProfileUrl,
    document: FetchedDocument,
    version: str,
    kept: list[dict[str, Any]],
    *,
    fetched_at: float,
    received_at: float,
    jwks: ProfileUrl | None = None,
    until: float | None = None,
) -> Profile:
    """Put together what was read; ``until`` is when it ends by itself."""
    lives = life(document.cache_control, document.age, fetched_at)
    return Profile(
        url,
        version,
        load_key_set(kept),
        fetched_at,
        received_at,
        lives if until is None else ended(lives, fetched_at, until),
        _PROFILE_WEIGHT + 2 * len(url.url) + sum(map(_weight, kept)),
        jwks,
    )


def checked_version(version: str) -> str:
    """Return ucp.version, or refuse one that is none."""
    if not 0 < len(version) <= MAX_VERSION:
        raise malformed("version_malformed", f"ucp.version is not 1 to {MAX_VERSION} characters")
    return version


def kept_entries(entries: object) -> list[dict[str, Any]]:
    """Return of each key in a list what it is loaded from; raises ``profile_malformed``."""
    if not isinstance(entries, list):
        raise malformed("keys_not_a_list", "the profile's keys are not a list")
    if len(entries) > MAX_KEYS:
        raise malformed("too_many_keys", f"the profile has more than {MAX_KEYS} keys")
    return [_kept(entry) for entry in entries if isinstance(entry, dict) and _is_askable(entry)]


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a document's octets, strictly and within bounds; raises ``profile_malformed``."""
    try:
        # json.loads(bytes) would guess UTF-16 and skip a byte order mark.
        parsed = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise malformed("not_json", f"the profile is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise malformed("not_an_object", "the profile is not a JSON object")
    _check_depth(parsed)
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise malformed("too_deep", f"the profile is nested more than {MAX_DEPTH} levels deep")


def _is_askable(entry: dict[str, Any]) -> bool:
    kid = entry.get("kid")
    return not isinstance(kid, str) or len(kid) <= MAX_KID


def _kept(entry: dict[str, Any]) -> dict[str, Any]:
    """Keep what a key is loaded from; a member that is no text stays as one that is none."""
    # A private key that everybody can read vouches for nobody: an unusable entry, unless what it
    # is for leaves it out anyway (ucp-rules, section 3.4).
    names = _NAMING if "d" in entry else _MEMBERS
    kept: dict[str, Any] = {name: _text(entry[name], name) for name in names if name in entry}
    if "key_ops" in entry:
        operations = entry["key_ops"]
        verifies = isinstance(operations, list) and "verify" in operations
        kept["key_ops"] = ["verify"] if verifies else []
    return kept


def _text(value: object, name: str) -> str | None:
    longest = MAX_KID if name == "kid" else _MAX_MEMBER
    return value if isinstance(value, str) and len(value) <= longest else None


def _weight(entry: dict[str, Any]) -> int:
    texts = [value for value in entry.values() if value is not None]
    # Python stores a text at one octet a character, or at up to four where one is not ASCII.
    return _KEY_WEIGHT + sum(len(text) * (1 if _is_narrow(text) else 4) for text in texts)


def _is_narrow(text: str | list[str]) -> bool:
    return not isinstance(text, str) or text.isascii()


def malformed(reason: str, explanation: str) -> Refusal:
    """Make the refusal of a document that cannot be read."""
    return Refusal("profile_malformed", reason, explanation)
