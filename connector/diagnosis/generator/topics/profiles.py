"""UCP-Agent, and what stands behind its URL."""

from __future__ import annotations

from typing import Any, Final

from connector.diagnosis.generator.documents import PLATFORM, url
from connector.diagnosis.generator.keys import public_jwk
from connector.diagnosis.generator.recipes import AGENT, GET, POST, Case, Recipe, Topic, registered

_PARSING: Final = "signatures.md#rest-request-verification, UCP-Agent"
_URL: Final = "signatures.md#rest-request-verification, profile URL"
_FETCHING: Final = "overview/index.md#fetching"
_DOCUMENT: Final = "overview/index.md#profile-structure"
_FORMAT: Final = "overview/index.md#version-format"
_PINNED: Final = "ucp-rules.md#6-discovery-of-a-platforms-profile, pinned keys"
_DEPTH: Final = "ucp-rules.md#6-discovery-of-a-platforms-profile, depth"
_STATUS: Final = "RFC 9110 section 15"
_VERSION: Final = "overview/index.md#protocol-version"


def _agent(value: str) -> Recipe:
    return POST.replaced(AGENT[0], value)


def _profile(url_: str) -> Recipe:
    return _agent(f'profile="{url_}"')


def _url(id_: str, description: str, value: str, reason: str) -> Case:
    rule = _PARSING if reason == "agent_malformed" else _URL
    return Case(id_, description, rule, _agent(value), "invalid_profile_url", reason)


def _fetch(host: str, description: str, code: str, reason: str) -> Case:
    rule = _DOCUMENT if code == "profile_malformed" else _FETCHING
    return Case(f"profile-{host}", description, rule, _profile(url(host)), code, reason)


def _malformed(host: str, description: str, reason: str, rule: str = _DOCUMENT) -> Case:
    return _fetch(host, description, "profile_malformed", reason)._replace(rule=rule)


def _version(host: str, description: str) -> Case:
    return Case(
        f"version-{host}",
        description,
        _FORMAT,
        _profile(url(host)),
        "version_unsupported",
        "version_unsupported",
    )


def _registered(discovery: str, profile: str, key: str) -> dict[str, Any]:
    registration = {"profile": profile, "keys": [public_jwk(key)], "version": "2026-08-25"}
    return {"platforms": {"discovery": discovery, "registered": [registration]}}


TOPIC: Final = Topic(
    "Profiles: the UCP-Agent header, its URL, the document and its version",
    (
        Case(
            "agent-more-members",
            "Further members and parameters of UCP-Agent are not looked at.",
            _PARSING,
            _agent(f'name=shopper;v=2, profile="{PLATFORM}";x'),
        ),
        Case(
            "agent-url-normalised",
            "Scheme and host in lower case, the default port dropped: the same identity.",
            _PARSING,
            _profile("HTTPS://Platform.Example:443/.well-known/ucp"),
        ),
        Case("agent-write", "The profile's URL as it is normalised.", _PARSING, POST),
        Case("agent-read", "A read names its profile, too.", _PARSING, GET),
        Case(
            "agent-absent",
            "Without UCP-Agent nobody knows whose key to look for.",
            _PARSING,
            GET.replaced(AGENT[0]).without("ucp-agent"),
            "invalid_profile_url",
            "agent_missing",
        ),
        _url("agent-no-profile", "No member profile.", 'name="x"', "profile_missing"),
        _url(
            "agent-bare-url", "The URL stands bare, without profile=.", PLATFORM, "agent_malformed"
        ),
        _url("agent-token", "profile is a token.", "profile=platform", "profile_not_a_string"),
        _url(
            "agent-profile-twice",
            "profile occurs twice: two readers would choose differently.",
            f'profile="{PLATFORM}", profile="{url("april")}"',
            "agent_malformed",
        )._replace(differs_from="agent-write"),
        _url(
            "agent-http", "Plain HTTP.", f'profile="{PLATFORM.replace("https", "http")}"', "scheme"
        ),
        _url("agent-relative", "No absolute URL.", 'profile="/.well-known/ucp"', "not_a_url"),
        _url(
            "agent-user-info",
            "User information before the host.",
            'profile="https://platform.example@inside.example/.well-known/ucp"',
            "not_a_url",
        ),
        _url("agent-fragment", "A fragment.", f'profile="{PLATFORM}#x"', "not_a_url"),
        _url(
            "agent-dot-segment",
            "A dot segment: two readers would resolve it differently.",
            'profile="https://platform.example/a/../.well-known/ucp"',
            "path",
        ),
        _url(
            "agent-loopback",
            "An address of the machine itself.",
            'profile="https://127.0.0.1/.well-known/ucp"',
            "special_use",
        ),
        _url(
            "agent-metadata-service",
            "A link-local address, where clouds keep their secrets.",
            'profile="https://169.254.169.254/.well-known/ucp"',
            "special_use",
        ),
        _fetch("no-address", "The name has no address.", "invalid_profile_url", "unresolvable"),
        _fetch(
            "inside", "The name leads to a private address.", "invalid_profile_url", "special_use"
        ),
        _fetch("status-503", "The document's server fails.", "profile_unreachable", "status"),
        _fetch("status-404", "There is no document.", "profile_unreachable", "status"),
        _fetch("redirect", "Redirects are not followed.", "profile_unreachable", "status"),
        _fetch("timeout", "The document does not come.", "profile_unreachable", "timeout"),
        _fetch("refused", "Nobody listens there.", "profile_unreachable", "connection"),
        _fetch("bad-certificate", "The certificate is bad.", "profile_unreachable", "connection"),
        _fetch("no-object", "JSON, but no object.", "profile_malformed", "not_an_object"),
        _fetch("no-version", "No ucp.version.", "profile_malformed", "version_missing"),
        _fetch("keys-object", "keys is no list.", "profile_malformed", "keys_not_a_list"),
        Case(
            "version-unsupported",
            "The platform speaks a version that the merchant does not.",
            _VERSION,
            _profile(url("january")),
            "version_unsupported",
            "version_unsupported",
        ),
        Case(
            "version-supported-by-setting",
            "The same platform where the merchant does speak that version.",
            _VERSION,
            _profile(url("january")),
            identity=url("january"),
            settings={"versions": ["2026-08-25", "2026-01-11"]},
        ),
        Case(
            "platform-not-registered",
            "The merchant serves registered platforms only.",
            "overview/index.md#identity-authentication",
            POST,
            "profile_not_trusted",
            "not_registered",
            settings={"platforms": {"discovery": "registered"}},
        ),
        Case(
            "platform-registered",
            "The merchant serves registered platforms only, and this is one.",
            "overview/index.md#identity-authentication",
            POST,
            settings=registered("platform-2026", discovery="registered"),
        ),
        Case(
            "platform-pinned-key",
            "The registration pins the key that signed: the profile is not asked.",
            "overview/index.md#identity-authentication",
            POST,
            settings=registered("platform-2026"),
        ),
        Case(
            "platform-pinned-other-key",
            "The registration pins another key: the profile is not asked.",
            "overview/index.md#identity-authentication",
            POST,
            "key_not_found",
            "key_not_found",
            settings=registered("platform-next"),
        ),
        _malformed("no-ucp", "No ucp.", "version_missing"),
        _malformed("ucp-list", "ucp is a list.", "version_missing"),
        _malformed("keys-null", "keys is null.", "keys_not_a_list"),
        _malformed("keys-text", "keys is a text.", "keys_not_a_list"),
        _malformed("version-number", "The version is a number.", "version_missing", _FORMAT),
        _malformed("version-empty", "The version is empty.", "version_malformed", _FORMAT),
        _malformed("version-long", "A version of 33 characters.", "version_malformed", _FORMAT),
        Case(
            "profile-deep",
            "A document of 32 levels.",
            _DEPTH,
            _profile(url("deep")),
            identity=url("deep"),
        ),
        _malformed("too-deep", "A document of 33 levels.", "too_deep", _DEPTH),
        *(
            _fetch(host, f"The answer is {status}.", "profile_unreachable", "status")._replace(
                rule=_STATUS
            )
            for host, status in (
                ("status-500", "500"),
                ("status-401", "401"),
                ("status-204", "204, without a document"),
                ("moved", "301, which is not followed"),
            )
        ),
        Case(
            "version-older",
            "A platform of the older version that the merchant speaks, too.",
            _VERSION,
            _profile(url("april")),
            identity=url("april"),
        ),
        _version("future", "A version that is not there yet."),
        _version("pre-release", "A pre-release of a version is another version."),
        Case(
            "version-dropped-by-setting",
            "The merchant no longer speaks the platform's version.",
            _VERSION,
            _profile(url("april")),
            "version_unsupported",
            "version_unsupported",
            settings={"versions": ["2026-08-25"]},
        ),
        Case(
            "platform-scheme-permitted",
            "The registration takes message signatures, and older schemes.",
            "overview/index.md#authentication-mechanisms",
            POST,
            settings=registered(schemes=["detached-jws", "rfc9421"]),
        ),
        Case(
            "platform-scheme-not-permitted",
            "The registration takes another scheme only.",
            "overview/index.md#authentication-mechanisms",
            POST,
            "signature_invalid",
            "scheme_not_allowed",
            settings=registered(schemes=["detached-jws"]),
        ),
        Case(
            "platform-other-registered",
            "The merchant serves registered platforms only, and another one is registered.",
            "overview/index.md#identity-authentication",
            POST,
            "profile_not_trusted",
            "not_registered",
            settings=_registered("registered", url("april"), "platform-2026"),
        ),
        Case(
            "platform-registered-normalised",
            "The registration is found by the URL as it is normalised.",
            "overview/index.md#identity-authentication",
            _profile("https://PLATFORM.example:443/.well-known/ucp"),
            settings=registered("platform-2026", discovery="registered"),
        ),
        Case(
            "platform-pinned-unreachable",
            "Where a key is pinned the profile need not be reachable.",
            _PINNED,
            _profile(url("status-503")),
            identity=url("status-503"),
            settings=_registered("open", url("status-503"), "platform-2026"),
        ),
        Case(
            "platform-pinned-unreachable-key",
            "Where another key is pinned the profile is not asked for this one.",
            _PINNED,
            _profile(url("status-503")),
            "key_not_found",
            "key_not_found",
            settings=_registered("open", url("status-503"), "platform-next"),
        ),
    ),
)
