"""UCP-Agent, and what stands behind its URL."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.documents import PLATFORM, url
from connector.diagnosis.generator.recipes import AGENT, GET, POST, Case, Recipe, Topic, registered

_PARSING: Final = "signatures.md#rest-request-verification, UCP-Agent"
_URL: Final = "signatures.md#rest-request-verification, profile URL"
_FETCHING: Final = "overview/index.md#fetching"
_DOCUMENT: Final = "overview/index.md#profile-structure"
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
        ),
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
    ),
)
