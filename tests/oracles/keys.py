"""Which keys the signatures of a case may be verified with.

Those that the profile, or a registration, has under the keyid. Where there is none (no keyid, no
such key, no profile) the file's test keys, so that an oracle still says whether the signature is
one at all: that nobody published the key is not the signature's fault.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.diagnosis.vectors import Case, VectorFile

_PROFILE: Final = re.compile(r'profile="([^"]*)"')
_OWN: Final = "/.well-known/ucp"
_PRIVATE: Final = "d"


def candidates(
    file: VectorFile, case: Case, profile: str, keyid: str | None
) -> list[dict[str, Any]]:
    """Return the public JWKs that may have made a signature with this keyid."""
    entries = _registered(case, profile) or _published(file, profile)
    named = [dict(jwk) for jwk in entries if keyid is not None and jwk.get("kid") == keyid]
    if named:
        return named
    test_keys = [_public(jwk) for jwk in file.keys.values()]
    by_name = file.keys.get(keyid or "")
    return [_public(by_name)] if by_name is not None else test_keys


def profile_url(case: Case) -> str:
    """Return the URL of the signer's profile, normalised as the vectors' README says."""
    lines = {name.lower(): value.decode("latin-1") for name, value in case.request.headers}
    if case.response is not None:
        return _normalized(f"https://{lines.get(b'host', '')}{_OWN}")
    found = _PROFILE.search(lines.get(b"ucp-agent", ""))
    return _normalized(found[1]) if found else ""


def jws_keyid(jws: str) -> str | None:
    """Return the ``kid`` in the protected header of a JWS, if it can be read."""
    header = jws.partition(".")[0]
    try:
        parsed = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, binascii.Error):
        return None
    kid = parsed.get("kid") if isinstance(parsed, dict) else None
    return kid if isinstance(kid, str) else None


def _normalized(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # of which there is no document
    host = parts.netloc.lower().removesuffix(":443")
    return f"{parts.scheme.lower()}://{host}{parts.path}" + (
        f"?{parts.query}" if parts.query else ""
    )


def _registered(case: Case, profile: str) -> list[Mapping[str, Any]]:
    platforms: Mapping[str, Any] = case.settings.get("platforms", {})
    return [
        jwk
        for entry in platforms.get("registered", [])
        if _normalized(entry["profile"]) == profile
        for jwk in entry.get("keys", [])
    ]


def _published(file: VectorFile, profile: str) -> list[Mapping[str, Any]]:
    document = file.documents.get(profile)
    parsed = json.loads(document.body) if document is not None and document.body else None
    if not isinstance(parsed, dict):
        return []
    entries = parsed.get("keys", parsed.get("signing_keys"))
    return [jwk for jwk in entries if isinstance(jwk, dict)] if isinstance(entries, list) else []


def _public(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name != _PRIVATE}
