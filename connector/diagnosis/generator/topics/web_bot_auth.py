"""The Web Bot Auth shape: one signature for two audiences, and what it must have for both."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.documents import PLATFORM, url
from connector.diagnosis.generator.keys import thumbprint
from connector.diagnosis.generator.recipes import (
    AGENT,
    GET,
    GET_COVERS,
    NOW,
    Case,
    Recipe,
    Topic,
    put,
)

_MEMBER: Final = "signatures.md#wba-interop, signature-agent"
_KEYID: Final = "signatures.md#wba-interop, keyid"
_TIMES: Final = "signatures.md#wba-interop, created and expires"
_TAG: Final = "signatures.md#wba-interop, tag"

_URL: Final = url("web-bot-auth-es256")
_NAME: Final = thumbprint("platform-2026")
_COVERS: Final = (*GET_COVERS, '"signature-agent";key="sig1"')
_DAY: Final = 24 * 3600


def _parameters(
    times: str = f";created={NOW};expires={NOW + 3600}",
    *,
    keyid: str = _NAME,
    tag: str = '"web-bot-auth"',
) -> str:
    return f'{times};keyid="{keyid}";tag={tag}'


_BOT: Final = (
    GET.replaced(AGENT[0], f'profile="{_URL}"')
    .replaced("Signature-Agent", f'sig1="{_URL}";type=jwks_uri')
    .signed(components=_COVERS, parameters=_parameters())
)


def _agent(value: str) -> Recipe:
    return _BOT.replaced("Signature-Agent", value)


def _good(id_: str, description: str, rule: str, recipe: Recipe) -> Case:
    return Case(f"bot-{id_}", description, rule, recipe, identity=_URL)


def _bad(id_: str, description: str, rule: str, recipe: Recipe, reason: str) -> Case:
    return Case(f"bot-{id_}", description, rule, recipe, "signature_invalid", reason)


def _timed(id_: str, description: str, times: str, reason: str = "") -> Case:
    recipe = _BOT.signed(parameters=_parameters(times))
    if reason:
        return _bad(id_, description, _TIMES, recipe, reason)
    return _good(id_, description, _TIMES, recipe)


def _tagged(id_: str, description: str, tag: str) -> Case:
    return _bad(id_, description, _TAG, _BOT.signed(parameters=_parameters(tag=tag)), "other_tag")


def _narrow(id_: str, description: str, *components: str) -> Case:
    return _bad(id_, description, _MEMBER, _BOT.covering(*components), "coverage_insufficient")


TOPIC: Final = Topic(
    "Web Bot Auth: the shape that both kinds of verifiers take",
    (
        _good("es256", "A key on P-256, named by its thumbprint.", _KEYID, _BOT),
        _good(
            "nonce",
            "A nonce, too.",
            _TAG,
            _BOT.signed(parameters=f'{_parameters()};nonce="q0zB5kf1Xb0zXKkQe9mXzw"'),
        ),
        _good(
            "several-agents",
            "Signature-Agent has members of other labels, too.",
            _MEMBER,
            _agent(f'other="{PLATFORM}", sig1="{_URL}";type=jwks_uri'),
        ),
        _good(
            "agent-elsewhere",
            "Signature-Agent points elsewhere: the identity is that of UCP-Agent all the same.",
            _MEMBER,
            _agent(f'sig1="{PLATFORM}";type=jwks_uri'),
        ),
        _narrow("member-uncovered", "Signature-Agent is not covered.", *GET_COVERS),
        _narrow(
            "whole-field",
            "Signature-Agent is covered whole, and not the member of the label.",
            *GET_COVERS,
            "signature-agent",
        ),
        _good(
            "own-order",
            "What Web Bot Auth asks for stands first, then what is asked for here.",
            _MEMBER,
            _BOT.covering("@authority", _COVERS[-1], "@method", "@path", "ucp-agent"),
        ),
        _narrow("minimum", "What Web Bot Auth alone asks for.", "@authority", _COVERS[-1]),
        Case(
            "bot-agent-removed",
            "Signature-Agent was removed after signing.",
            _MEMBER,
            _BOT,
            "signature_invalid",
            "base_unbuildable",
            (put("Signature-Agent"),),
        ),
        _bad(
            "label-not-member",
            "The signature's label is none of Signature-Agent's members.",
            _MEMBER,
            _BOT.signed(label="sig2"),
            "coverage_insufficient",
        ),
        Case(
            "bot-member-removed",
            "The member that is covered was removed after signing.",
            _MEMBER,
            _agent(f'other="{PLATFORM}", sig1="{_URL}";type=jwks_uri'),
            "signature_invalid",
            "base_unbuildable",
            (put("Signature-Agent", f'other="{PLATFORM}"'),),
        ),
        Case(
            "bot-member-altered",
            "The member that is covered was changed after signing.",
            _MEMBER,
            _BOT,
            "signature_invalid",
            "signature_mismatch",
            (put("Signature-Agent", f'sig1="{PLATFORM}";type=jwks_uri'),),
        ),
        Case(
            "bot-other-member-altered",
            "A member that is not covered was changed after signing: nothing rests on it.",
            "RFC 9421 section 2.1.2",
            _agent(f'other="{PLATFORM}", sig1="{_URL}";type=jwks_uri'),
            edits=(put("Signature-Agent", f'other="{_URL}", sig1="{_URL}";type=jwks_uri'),),
            identity=_URL,
        ),
        _bad(
            "member-twice",
            "The member that is covered occurs twice.",
            "RFC 9421 section 2.1.2",
            _BOT,
            "base_unbuildable",
        )._replace(
            edits=(put("Signature-Agent", f'sig1="{_URL}";type=jwks_uri, sig1="{PLATFORM}"'),)
        ),
        Case(
            "bot-keyid-of-profile",
            "The keyid is the kid of the profile's key, and not its thumbprint.",
            _KEYID,
            _BOT.replaced(AGENT[0], f'profile="{url("web-bot-auth-es256-kids")}"').signed(
                parameters=_parameters(keyid="platform-2026")
            ),
            "signature_invalid",
            "bot_auth_keyid",
        ),
        _good(
            "two-kids",
            "The profile lists the key under two kids, one of them its thumbprint.",
            _KEYID,
            _BOT.replaced(AGENT[0], f'profile="{url("web-bot-auth-es256-kids")}"'),
        )._replace(identity=url("web-bot-auth-es256-kids")),
        Case(
            "bot-keyid-unknown",
            "The thumbprint of a key that the profile has not.",
            _KEYID,
            _BOT.signed(parameters=_parameters(keyid=thumbprint("stranger"))),
            "key_not_found",
            "key_not_found",
        ),
        _timed("day", "Valid for 24 hours.", f";created={NOW};expires={NOW + _DAY}"),
        _timed(
            "over-a-day",
            "Valid for a second more than 24 hours.",
            f";created={NOW};expires={NOW + _DAY + 1}",
            "bot_auth_window",
        ),
        _timed(
            "old",
            "Created a day ago, and still valid.",
            f";created={NOW - _DAY + 60};expires={NOW + 60}",
        ),
        _timed("no-created", "No created.", f";expires={NOW + 3600}", "bot_auth_times_missing"),
        _timed("no-expires", "No expires.", f";created={NOW}", "bot_auth_times_missing"),
        _timed("no-times", "Neither of them.", "", "bot_auth_times_missing"),
        _timed(
            "expired",
            "Expired a minute ago.",
            f";created={NOW - _DAY + 60};expires={NOW - 60}",
            "expired",
        ),
        _tagged("tag-upper-case", "The tag in capitals.", '"Web-Bot-Auth"'),
        _tagged("tag-empty", "An empty tag.", '""'),
        _tagged("tag-longer", "A tag that only begins alike.", '"web-bot-auth-2"'),
        _tagged("tag-token", "The tag as a token.", "web-bot-auth"),
        _tagged("tag-boolean", "A tag without a value.", "?1"),
    ),
)
