"""Keys that Signature-Agent leads to, at a merchant who uses it: for UCP-Agent's URL alone."""

from __future__ import annotations

from typing import Any, Final

from connector.diagnosis.generator.documents import PLATFORM, url
from connector.diagnosis.generator.keys import thumbprint
from connector.diagnosis.generator.recipes import (
    AGENT,
    GET,
    GET_COVERS,
    NOW,
    Case,
    Recipe,
    Signing,
    Topic,
    put,
)

_SAME: Final = "overview/index.md#identity-resolution-algorithm, one identity"
_TYPES: Final = "overview/index.md#deployment-patterns-for-wba-interop, type"
_MEMBER: Final = "signatures.md#rest-request-verification, Signature-Agent as a dictionary"
_CLIENT: Final = "overview/index.md#deployment-patterns-for-wba-interop, client metadata"
_VERSION: Final = "ucp-rules.md#3-verifying-an-rfc-9421-request, version of the document"
_SETTING: Final = "ucp-rules.md#3-verifying-an-rfc-9421-request, turned on"

_USED: Final = {"platforms": {"signature_agent": "same_as_ucp_agent"}}
_PROFILE: Final = url("web-bot-auth-es256")
_COVERS: Final = (*GET_COVERS, '"signature-agent";key="sig1"')


def _parameters(key: str = "platform-2026") -> str:
    return f';created={NOW};expires={NOW + 3600};keyid="{thumbprint(key)}";tag="web-bot-auth"'


def _of(agent: str, member: str, *, named: str = "platform-2026") -> Recipe:
    return (
        GET.replaced(AGENT[0], f'profile="{agent}"')
        .replaced("Signature-Agent", member)
        .signed(components=_COVERS, parameters=_parameters(named))
    )


def _good(
    id_: str, description: str, rule: str, recipe: Recipe, identity: str, **more: Any
) -> Case:
    return Case(
        f"lookup-{id_}", description, rule, recipe, identity=identity, settings=_USED, **more
    )


def _bad(
    id_: str,
    description: str,
    rule: str,
    recipe: Recipe,
    reason: str,
    code: str = "signature_invalid",
    **more: Any,
) -> Case:
    return Case(
        f"lookup-{id_}", description, rule, recipe, code, reason, **{"settings": _USED, **more}
    )


def _client(host: str) -> Recipe:
    return _of(url(host), f'sig1="{url(host)}";type=cimd')


def _document(
    id_: str, description: str, host: str, reason: str, *, wrong: str = "", **more: Any
) -> Case:
    """Name a client whose own document is wrong, or the one behind it."""
    rule, code = more.pop("rule", _CLIENT), more.pop("code", "profile_malformed")
    return _bad(
        id_,
        description,
        rule,
        _client(host),
        reason,
        code,
        document=url(wrong or host),
        differs_from="lookup-client",
    )


def _elsewhere(id_: str, description: str, member: str) -> Case:
    recipe = _of(_PROFILE, f"sig1={member}")
    return _bad(
        id_,
        description,
        _SAME,
        recipe,
        "signature_agent_elsewhere",
        "profile_not_trusted",
        differs_from="lookup-profile",
    )


def _unusable(id_: str, description: str, member: str, reason: str) -> Case:
    recipe = _of(_PROFILE, f"sig1={member}")
    return _bad(id_, description, _MEMBER, recipe, f"signature_agent_{reason}")


_BESIDE: Final = _of(_PROFILE, f'sig1="{PLATFORM}";type=jwks_uri')._replace(
    signatures=(
        Signing(_COVERS, "stranger", _parameters("stranger")),
        Signing(
            (*GET_COVERS, "signature-agent"),
            parameters=f';created={NOW};keyid="{thumbprint("platform-2026")}"',
            label="sig2",
        ),
    )
)

TOPIC: Final = Topic(
    "Signature-Agent, where keys are looked up by it: for the identity of UCP-Agent, and no other",
    (
        _good(
            "profile",
            "Both headers name the profile, which is a JWK set, too.",
            _SAME,
            _of(_PROFILE, f'sig1="{_PROFILE}";type=jwks_uri'),
            _PROFILE,
        ),
        _good(
            "spelling",
            "Scheme and host in capitals, and the default port: the same URL.",
            _SAME,
            _of(
                _PROFILE,
                'sig1="HTTPS://WEB-BOT-AUTH-ES256.PLATFORM.EXAMPLE:443/.well-known/ucp"'
                ";type=jwks_uri",
            ),
            _PROFILE,
        ),
        _good(
            "client",
            "A client's metadata name a JWK set, which states a version.",
            _CLIENT,
            _client("client"),
            url("client"),
        ),
        _good(
            "client-of-profile",
            "A client's metadata name a profile as its JWK set.",
            _CLIENT,
            _client("client-of-profile"),
            url("client-of-profile"),
        ),
        _good(
            "more-parameters",
            "The member has further parameters.",
            _TYPES,
            _of(url("client"), f'sig1="{url("client")}";v=2;type=cimd;beta'),
            url("client"),
        ),
        _good(
            "untagged",
            "A signature without the tag has its key in the profile, whatever is named.",
            _TYPES,
            _of(_PROFILE, f'sig1="{_PROFILE}";type=cimd').signed(
                components=(*GET_COVERS, "signature-agent"),
                parameters=f';created={NOW};keyid="{thumbprint("platform-2026")}"',
            ),
            _PROFILE,
        ),
        _good(
            "lie-beside",
            "One signature names keys of its own; beside it stands one by the profile's key.",
            _SAME,
            _BESIDE,
            _PROFILE,
            accepted=1,
        ),
        _elsewhere("elsewhere", "Another platform's profile.", f'"{PLATFORM}";type=jwks_uri'),
        _elsewhere("slash", "A slash more at the end.", f'"{_PROFILE}/";type=jwks_uri'),
        _elsewhere("query", "A question mark at the end.", f'"{_PROFILE}?";type=jwks_uri'),
        _elsewhere("client-elsewhere", "Another client.", f'"{url("client")}";type=cimd'),
        _elsewhere(
            "origin",
            "The directory of the profile's origin: another URL, and another identity.",
            '"https://web-bot-auth-es256.platform.example"',
        ),
        _unusable("type-string", "The type is a string.", f'"{_PROFILE}";type="jwks_uri"', "type"),
        _unusable("type-unknown", "An unknown type.", f'"{_PROFILE}";type=x5u', "type"),
        _unusable("type-capitals", "The type in capitals.", f'"{_PROFILE}";type=JWKS_URI', "type"),
        _unusable("type-alone", "A type without a value.", f'"{_PROFILE}";type', "type"),
        _unusable("list", "A list of one URL.", f'("{_PROFILE}");type=jwks_uri', "not_a_string"),
        _unusable(
            "path",
            "A directory is named by its origin, and not by a URL.",
            f'"{_PROFILE}";type=directory',
            "not_an_origin",
        ),
        _bad(
            "string",
            "Signature-Agent became the one string of older drafts.",
            _MEMBER,
            _of(_PROFILE, f'sig1="{_PROFILE}";type=jwks_uri'),
            "signature_agent_string",
            edits=(put("Signature-Agent", f'"{_PROFILE}"'),),
        ),
        _bad(
            "profile-as-client",
            "A profile is named as a client's metadata.",
            _CLIENT,
            _of(_PROFILE, f'sig1="{_PROFILE}";type=cimd'),
            "metadata_incomplete",
            "profile_malformed",
        ),
        _document("client-of-another", "The metadata are those of another client.",
                  "client-of-another", "metadata_of_another"),
        _document("client-without-keys", "The metadata name no JWK set.", "client-without-keys",
                  "metadata_incomplete"),
        _document("client-inside", "The JWK set is said to be at an inner address.",
                  "client-inside", "metadata_url"),
        _document("set-without-version", "The JWK set states no version.", "client-unversioned",
                  "version_unsupported", wrong="set-unversioned", rule=_VERSION,
                  code="version_unsupported"),
        _document("set-without-keys", "The JWK set has no list of keys.", "client-keyless",
                  "keys_missing", wrong="set-keyless"),
        _bad(
            "key-elsewhere",
            "The thumbprint of a key that the client's JWK set has not.",
            _CLIENT,
            _of(url("client"), f'sig1="{url("client")}";type=cimd', named="stranger"),
            "key_not_found",
            "key_not_found",
        ),
        _bad(
            "off",
            "The merchant does not use Signature-Agent: the URL has no profile.",
            _SETTING,
            _client("client"),
            "version_missing",
            "profile_malformed",
            settings={},
            differs_from="lookup-client",
        ),
    ),
)  # fmt: skip
