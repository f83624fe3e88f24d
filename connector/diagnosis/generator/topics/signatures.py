"""The two signature headers: labels, tags, several signatures, the Web Bot Auth shape."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.documents import PLATFORM, url
from connector.diagnosis.generator.keys import thumbprint
from connector.diagnosis.generator.recipes import (
    AGENT,
    NOW,
    POST,
    POST_COVERS,
    Case,
    Signing,
    Topic,
    append,
    put,
    rewrite,
)

_PRESENT: Final = "signatures.md#headers"
_PAIRS: Final = "RFC 9421 section 4"
_SEVERAL: Final = "RFC 9421 section 4.3"
_TAGS: Final = "signatures.md#wba-interop"

_GOOD: Final = Signing(POST_COVERS)
_WRONG_KEY: Final = Signing(POST_COVERS, key="stranger", label="other")
_UNKNOWN_KEY: Final = Signing(
    POST_COVERS, key="stranger", parameters=';keyid="stranger"', label="unknown"
)
_SAME: Final = tuple(_GOOD._replace(label=f"sig{n}") for n in range(1, 6))
_NARROW: Final = Signing(("@method", "@authority"), label="narrow")

_BOT_URL: Final = url("web-bot-auth")
_BOT_COVERS: Final = (*POST_COVERS, '"signature-agent";key="sig1"')
_BOT_KEYID: Final = thumbprint("platform-ed25519")
_BOT_TIMES: Final = f";created={NOW};expires={NOW + 3600}"
_BOT: Final = (
    POST.replaced(AGENT[0], f'profile="{_BOT_URL}"')
    .replaced("Signature-Agent", f'sig1="{_BOT_URL}";type=jwks_uri')
    .signed(
        key="platform-ed25519",
        components=_BOT_COVERS,
        parameters=f'{_BOT_TIMES};keyid="{_BOT_KEYID}";tag="web-bot-auth"',
    )
)
_BOT_SEVERAL: Final = _BOT.replaced(
    "Signature-Agent", f'sig1="{_BOT_URL}";type=jwks_uri, sig2="{PLATFORM}"'
)
_BOT_TWO_KIDS: Final = _BOT.replaced(AGENT[0], f'profile="{url("web-bot-auth-two-kids")}"')
_WITH_BOT_HEADER: Final = POST.replaced("Signature-Agent", f'sig1="{PLATFORM}"')


def _invalid(case: Case, reason: str) -> Case:
    return case._replace(code="signature_invalid", reason=reason)


TOPIC: Final = Topic(
    "Signature headers: presence, labels, several signatures, Web Bot Auth",
    (
        Case(
            "signature-missing",
            "Neither Signature-Input nor Signature.",
            _PRESENT,
            POST._replace(signatures=()),
            "signature_missing",
            "signature_missing",
        ),
        Case("signature-one", "One signature, labelled alike in both headers.", _PRESENT, POST),
        _invalid(
            Case(
                "signature-input-alone",
                "Signature was removed.",
                _PRESENT,
                POST,
                edits=(put("Signature"),),
            ),
            "one_header",
        ),
        _invalid(
            Case(
                "signature-alone",
                "Signature-Input was removed.",
                _PRESENT,
                POST,
                edits=(put("Signature-Input"),),
            ),
            "one_header",
        ),
        _invalid(
            Case(
                "signature-labels-differ",
                "No label stands in both headers.",
                _PAIRS,
                POST,
                edits=(rewrite("Signature", "sig1=", "sig2="),),
            ),
            "label_mismatch",
        ),
        _invalid(
            Case(
                "signature-input-twice",
                "A member of Signature-Input occurs twice.",
                _PAIRS,
                POST,
                edits=(append("Signature-Input", 'sig1=("@method");keyid="platform-2026"'),),
            ),
            "malformed",
        ),
        _invalid(
            Case(
                "signature-input-no-list",
                "The member of Signature-Input is no inner list.",
                "RFC 9421 section 4.1",
                POST,
                edits=(put("Signature-Input", 'sig1="@method"'),),
            ),
            "malformed",
        ),
        _invalid(
            Case(
                "signature-no-bytes",
                "The member of Signature is a string.",
                "RFC 9421 section 4.2",
                POST,
                edits=(put("Signature", 'sig1="c2lnbmF0dXJl"'),),
            ),
            "malformed",
        ),
        _invalid(
            Case(
                "signature-input-cut",
                "Signature-Input ends within its list.",
                "RFC 9651 section 4.2",
                POST,
                edits=(put("Signature-Input", 'sig1=("@method"'),),
            ),
            "malformed",
        ),
        Case(
            "several-four",
            "Four signatures are judged.",
            _SEVERAL,
            POST._replace(signatures=_SAME[:4]),
        ),
        Case(
            "several-good-second",
            "A signature that does not verify stands before one that does.",
            _SEVERAL,
            POST._replace(signatures=(_WRONG_KEY, _GOOD)),
            accepted=1,
        ),
        Case(
            "several-good-last",
            "One good signature among three is enough.",
            _SEVERAL,
            POST._replace(signatures=(_NARROW, _UNKNOWN_KEY, _GOOD)),
            accepted=2,
        ),
        Case(
            "several-good-beside-narrow",
            "A signature that covers too little stands before one that is good.",
            _SEVERAL,
            POST._replace(signatures=(_NARROW, _GOOD._replace(label="other"))),
            accepted=1,
        ),
        _invalid(
            Case(
                "several-none-good",
                "The code is that of the signature that came furthest.",
                _SEVERAL,
                POST._replace(signatures=(_NARROW, _WRONG_KEY)),
                differs_from="several-good-beside-narrow",
            ),
            "signature_mismatch",
        ),
        _invalid(
            Case(
                "several-too-many",
                "Five signatures are more than are judged.",
                _SEVERAL,
                POST._replace(signatures=_SAME),
            ),
            "too_many",
        ),
        _invalid(
            Case(
                "tag-other",
                "A signature for another purpose.",
                _TAGS,
                POST.signed(parameters=f'{_GOOD.parameters};tag="another-purpose"'),
            ),
            "other_tag",
        ),
        Case(
            "web-bot-auth",
            "One signature for both audiences.",
            _TAGS,
            _BOT,
            identity=_BOT_URL,
        ),
        _invalid(
            Case(
                "web-bot-auth-without-expires",
                "web-bot-auth must carry created and expires.",
                _TAGS,
                _BOT.signed(parameters=f';created={NOW};keyid="{_BOT_KEYID}";tag="web-bot-auth"'),
            ),
            "bot_auth_times_missing",
        ),
        _invalid(
            Case(
                "web-bot-auth-too-long",
                "web-bot-auth may be valid for 24 hours at most.",
                _TAGS,
                _BOT.signed(
                    parameters=f";created={NOW};expires={NOW + 24 * 3600 + 1}"
                    f';keyid="{_BOT_KEYID}";tag="web-bot-auth"'
                ),
            ),
            "bot_auth_window",
        ),
        _invalid(
            Case(
                "web-bot-auth-member-uncovered",
                "Signature-Agent is there and not covered.",
                _TAGS,
                _BOT.covering(*POST_COVERS),
            ),
            "coverage_insufficient",
        ),
        Case(
            "web-bot-auth-several-members",
            "Signature-Agent has several members; the one of the signature's label is covered.",
            _TAGS,
            _BOT_SEVERAL,
            identity=_BOT_URL,
        ),
        _invalid(
            Case(
                "web-bot-auth-other-label",
                "The covered member of Signature-Agent is not that of the signature's label.",
                _TAGS,
                _BOT_SEVERAL.covering(*POST_COVERS, '"signature-agent";key="sig2"'),
            ),
            "coverage_insufficient",
        ),
        Case(
            "web-bot-auth-two-kids",
            "The profile lists the key by its thumbprint and by a name; the keyid is the former.",
            _TAGS,
            _BOT_TWO_KIDS,
            identity=url("web-bot-auth-two-kids"),
        ),
        _invalid(
            Case(
                "web-bot-auth-keyid",
                "The keyid is the kid of a key, and not its thumbprint.",
                _TAGS,
                _BOT_TWO_KIDS.signed(
                    parameters=f'{_BOT_TIMES};keyid="platform-ed25519";tag="web-bot-auth"'
                ),
            ),
            "bot_auth_keyid",
        ),
        Case(
            "signature-agent-covered",
            "Signature-Agent beside a signature without a tag, and covered.",
            "signatures.md#rest-request-verification, Signature-Agent",
            _WITH_BOT_HEADER.covering(*POST_COVERS, "signature-agent"),
        ),
        _invalid(
            Case(
                "signature-agent-uncovered",
                "A header that is there must be covered, with or without the tag.",
                "signatures.md#rest-request-verification, Signature-Agent",
                _WITH_BOT_HEADER,
            ),
            "coverage_insufficient",
        ),
    ),
)
