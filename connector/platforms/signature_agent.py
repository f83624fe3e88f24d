"""``Signature-Agent``: where the key of a Web Bot Auth signature is said to be.

draft-meunier-webbotauth-httpsig-directory section 4.1: a dictionary in which the member with the
signature's label is a string, an HTTPS URL, and the parameter ``type`` a token that says what is
there. Earlier drafts had one string for all signatures; that form names nobody's label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError, parse_dictionary
from canonical.values import Token
from connector.egress.urls import DocumentKind, normalise
from connector.errors import Refusal
from connector.platforms.key_directory import DIRECTORY_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.egress.urls import ProfileUrl

MAX_OCTETS: Final = 8192
"""Octets of Signature-Agent that are read: four URLs of the greatest length."""
OLD_FORM: Final = (
    "Signature-Agent is one string, as older drafts had it: it must be a dictionary with a member"
    " of the signature's label"
)
_NAMED: Final = ("directory", "jwks_uri", "cimd")


class AgentMember(NamedTuple):
    """One member of Signature-Agent."""

    url: ProfileUrl
    """What it names, normalised: compared with what UCP-Agent names."""
    document: ProfileUrl
    """What is to be fetched for it."""


def signature_agent_reader(
    *, allow_loopback: bool = False
) -> Callable[[Sequence[bytes], str], AgentMember]:
    """Return what reads the member with a label out of the header's lines.

    The reader raises ``Refusal``: ``invalid_profile_url`` for the URL, else ``signature_invalid``.
    ``allow_loopback`` is that of ``normalise``.
    """

    def read(lines: Sequence[bytes], label: str) -> AgentMember:
        return read_signature_agent(lines, label, allow_loopback=allow_loopback)

    return read


def has_old_form(lines: Sequence[bytes]) -> bool:
    """Whether the header is the one string of older drafts: no dictionary begins like that."""
    return lines[0].lstrip(b" ")[:1] == b'"'


def read_signature_agent(
    lines: Sequence[bytes], label: str, *, allow_loopback: bool = False
) -> AgentMember:
    """Read the member with this label, as ``signature_agent_reader`` describes."""
    if sum(map(len, lines)) > MAX_OCTETS:
        raise _refusal("too_long", "Signature-Agent is too long")
    if has_old_form(lines):
        raise _refusal("string", OLD_FORM)
    try:
        # Whoever reads the first of two members of one name is told something else.
        members = parse_dictionary(b", ".join(lines), unique=True)
    except CanonicalError as error:
        raise _refusal("malformed", f"Signature-Agent is no dictionary: {error}") from error
    if label not in members:
        raise _refusal("member_missing", "Signature-Agent has no member with the label")
    value, parameters = members[label]
    # The exact type: a token and a display string are kinds of str, and no strings.
    if type(value) is not str:
        raise _refusal("not_a_string", "Signature-Agent's member is not a string")
    kind = parameters.get("type", Token("directory"))
    if type(kind) is not Token or kind not in _NAMED:
        raise _refusal("type", f"Signature-Agent's type is none of {', '.join(_NAMED)}")
    try:
        url = normalise(value, allow_loopback=allow_loopback)
    except Refusal as refusal:
        raise Refusal(
            "invalid_profile_url", "signature_agent_url", f"Signature-Agent: {refusal.explanation}"
        ) from refusal
    return AgentMember(url, _document(url, DocumentKind(str(kind))))


def _document(url: ProfileUrl, kind: DocumentKind) -> ProfileUrl:
    if kind is not DocumentKind.DIRECTORY:
        return url.of_kind(kind)
    if url.target != "/":
        raise _refusal("not_an_origin", "a directory is named by its origin, without a path")
    there = url._replace(url=url.origin + DIRECTORY_PATH, target=DIRECTORY_PATH)
    return there.of_kind(kind)


def _refusal(reason: str, explanation: str) -> Refusal:
    return Refusal("signature_invalid", f"signature_agent_{reason}", explanation)
