"""The same signature under each version: where keys stand, and which algorithms there are."""

from __future__ import annotations

from typing import Any, Final

from connector.diagnosis.generator.documents import url
from connector.diagnosis.generator.keys import public_jwk
from connector.diagnosis.generator.recipes import AGENT, GET, NOW, Case, Recipe, Topic

_PLACES: Final = "ucp-rules.md#2-which-scheme-which-version, keys in the profile"
_ALGORITHMS: Final = "ucp-rules.md#2-which-scheme-which-version, algorithms"
_SCHEMES: Final = "ucp-rules.md#2-which-scheme-which-version, scheme by headers"
_STATED: Final = "ucp-rules.md#6-discovery-of-a-platforms-profile, version of pinned keys"
_JANUARY: Final = {"versions": ["2026-08-25", "2026-01-11", "2026-01-23"]}


def _of(host: str, key: str = "platform-2026") -> Recipe:
    named = GET.replaced(AGENT[0], f'profile="{url(host)}"')
    return named.signed(key=key, parameters=f';created={NOW};keyid="{key}"')


def _good(
    id_: str, description: str, rule: str, host: str, key: str = "platform-2026", **more: Any
) -> Case:
    return Case(f"version-{id_}", description, rule, _of(host, key), identity=url(host), **more)


def _no_list(id_: str, description: str) -> Case:
    return Case(
        f"version-{id_}",
        description,
        _PLACES,
        _of(id_),
        "profile_malformed",
        "keys_not_a_list",
    )


def _registered(**terms: Any) -> dict[str, Any]:
    registration = {"profile": url("january"), **terms}
    return {"platforms": {"discovery": "open", "registered": [registration]}}


TOPIC: Final = Topic(
    "Versions: where keys stand, which algorithms there are, and who states the version",
    (
        _good("signing-keys", "The newest version, its keys in signing_keys alone.", _PLACES,
              "signing-keys"),
        _good("april-keys", "The older version, its keys in keys.", _PLACES, "april-keys"),
        _no_list("signing-keys-text", "signing_keys is a text."),
        _no_list("signing-keys-object", "signing_keys is one key, and no list."),
        _good("april-es384", "ES384 in the older version.", _ALGORITHMS, "april-keys",
              "platform-es384"),
        _good("april-ed25519", "Ed25519 in the older version.", _ALGORITHMS, "april-keys",
              "platform-ed25519"),
        _good("january-signature", "A platform of January signs by RFC 9421: headers decide.",
              _SCHEMES, "january", settings=_JANUARY),
        _good("stated", "The registration pins a key and states the version: whatever the profile"
              " says of it is not fetched.", _STATED, "january",
              settings=_registered(keys=[public_jwk("platform-2026")], version="2026-08-25")),
        Case(
            "version-not-stated",
            "The registration pins no key: the version is that of the profile.",
            _STATED,
            _of("january"),
            "version_unsupported",
            "version_unsupported",
            settings=_registered(),
            differs_from="version-stated",
        ),
    ),
)  # fmt: skip
