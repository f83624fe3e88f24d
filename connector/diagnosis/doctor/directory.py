"""The directory of keys that Web Bot Auth looks for below a profile's origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from canonical import load_key_set
from connector.diagnosis.doctor.facts import Failed
from connector.diagnosis.doctor.finding import Rule, shown, told
from connector.egress.fetch import FetchedDocument
from connector.egress.urls import DocumentKind
from connector.errors import Refusal
from connector.platforms.documents import kept_entries, parse_object
from connector.platforms.key_directory import DIRECTORY_PATH, check_media_type, proven_kids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.doctor.facts import Visit
    from connector.diagnosis.doctor.finding import Finding
    from connector.egress.fetch import Exchange
    from connector.egress.urls import ProfileUrl

DIRECTORY: Final = Rule(
    "key-directory",
    "ucp-rules section 9; draft-meunier-webbotauth-httpsig-directory-00 section 5.2",
)

_SIGN: Final = (
    'Have each key sign "@authority";req with the tag http-message-signatures-directory,'
    " created and expires, named by its thumbprint."
)


def directory_url(url: ProfileUrl) -> ProfileUrl:
    """Return where the directory of a profile's origin would be."""
    place = url._replace(url=f"{url.origin}{DIRECTORY_PATH}", target=DIRECTORY_PATH)
    return place.of_kind(DocumentKind.DIRECTORY)


def directory_findings(visit: Visit) -> Iterator[Finding]:
    """Judge the directory; that there is none is no fault."""
    answer = visit.directory
    if answer is None:
        return
    if isinstance(answer, Failed):
        saw = told(answer.explanation)
        yield DIRECTORY.warning(saw, "Answer 404 there, if there is none.")
    elif answer.status != 200:
        yield DIRECTORY.ok(
            f"none (status {answer.status}); only requests signed for Web Bot Auth need one"
        )
    else:
        yield _judge(answer, visit)


def _judge(answer: Exchange, visit: Visit) -> Finding:
    try:
        check_media_type(answer.headers)
        keys = load_key_set(kept_entries(parse_object(answer.body).get("keys")))
        document = FetchedDocument(answer.body, "", "", answer.headers)
        proven = proven_kids(directory_url(visit.url), document, keys, visit.now)
    except Refusal as refusal:
        advice = {
            "directory_media_type": "Send application/http-message-signatures-directory+json.",
            "directory_unsigned": _SIGN,
        }.get(refusal.reason, "Serve a JWK set.")
        return DIRECTORY.broken(told(refusal.explanation), advice)
    unproven = [key for key in keys if key.kid not in proven]
    if unproven:
        saw = f"{len(unproven)} of its keys have not signed it, {shown(unproven[0].kid)} first"
        return DIRECTORY.broken(saw, _SIGN)
    return DIRECTORY.ok(f"served and signed by each of its {len(proven)} keys")
