"""UCP-Agent as a structured field, and the profile URL in it: an identity, never repaired."""

from __future__ import annotations

from typing import Final

from connector.diagnosis.generator.documents import PLATFORM, url
from connector.diagnosis.generator.recipes import AGENT, GET, Case, Recipe, Topic, put

_FIELD: Final = "signatures.md#rest-request-verification, UCP-Agent as a dictionary"
_STRING: Final = "signatures.md#rest-request-verification, profile as a string"
_SAME: Final = "ucp-rules.md#3-verifying-an-rfc-9421-request, identity"
_OTHER: Final = "RFC 3986 section 6.2.2, of a profile URL"
_FORM: Final = "RFC 3986 section 3, of a profile URL"
_HOST: Final = "RFC 3986 section 3.2.2, of a profile URL"
_NUMBERS: Final = "RFC 3986 section 7.4, rare addresses"
_IPV4: Final = "RFC 6890 section 2.2.2, special-use addresses"
_IPV6: Final = "RFC 6890 section 2.2.3, special-use addresses"
_WITHIN: Final = "RFC 6890 section 2.2.3, addresses within addresses"

_PATH: Final = "/.well-known/ucp"
_MEMBER: Final = f'profile="{PLATFORM}"'


def _agent(value: str) -> Recipe:
    return GET.replaced(AGENT[0], value)


def _profile(text: str) -> Recipe:
    return _agent(f'profile="{text}"')


def _invalid(id_: str, description: str, rule: str, recipe: Recipe, reason: str) -> Case:
    return Case(f"agent-{id_}", description, rule, recipe, "invalid_profile_url", reason)


def _field(id_: str, description: str, value: str, reason: str = "agent_malformed") -> Case:
    return _invalid(id_, description, _FIELD, _agent(value), reason)


def _string(id_: str, description: str, value: str, reason: str = "profile_not_a_string") -> Case:
    return _invalid(id_, description, _STRING, _agent(f"profile={value}"), reason)


def _form(id_: str, description: str, text: str, reason: str = "not_a_url") -> Case:
    return _invalid(id_, description, _FORM, _profile(text), reason)


def _host(id_: str, description: str, host: str, reason: str = "host", rule: str = _HOST) -> Case:
    return _invalid(id_, description, rule, _profile(f"https://{host}{_PATH}"), reason)


def _address(id_: str, description: str, host: str, rule: str) -> Case:
    return _host(id_, description, host, "special_use", rule)


def _elsewhere(id_: str, description: str, text: str) -> Case:
    """Name a URL behind which, unlike behind the platform's own, nothing stands."""
    return _invalid(id_, description, _OTHER, _profile(text), "unresolvable")


_FIELDS: Final = (
    Case("agent-one-member", "The profile, and nothing else.", _FIELD, GET),
    Case(
        "agent-members-of-every-kind",
        "Further members of every kind stand around the profile.",
        _FIELD,
        _agent(f'a, b;x=?0, c=(1 "2" three);y, d=-1.5, {_MEMBER}, e=:AAEC:'),
    ),
    Case(
        "agent-tight-commas",
        "No space behind the commas.",
        _FIELD,
        _agent(f'name="shopper",{_MEMBER},v=2'),
    ),
    _field("comma-at-end", "A comma at the end.", f"{_MEMBER},"),
    _field(
        "semicolon-between", "A semicolon between members.", f'v="2"; {_MEMBER}', "profile_missing"
    ),
    _field("spaces-at-equals", "Spaces around =.", f'profile = "{PLATFORM}"'),
    _field("member-upper-case", "The member in capitals.", f'Profile="{PLATFORM}"'),
    _field("member-in-quotes", "The member in quotes.", f'"profile"="{PLATFORM}"'),
    _field("colon", "A colon for the equals sign.", f'profile: "{PLATFORM}"'),
    _field("empty", "An empty header.", "", "profile_missing"),
    _string("url-token", "The URL bare: it reads as a token.", PLATFORM),
    _string("single-quotes", "Single quotes.", f"'{PLATFORM}'", "agent_malformed"),
    _string("display-string", "A display string.", f'%"{PLATFORM}"'),
    _string("list", "An inner list of one string.", f'("{PLATFORM}")'),
    _string("bytes", "A byte sequence.", ":aHR0cHM6Ly9wbGF0Zm9ybS5leGFtcGxlLw==:"),
    _string("boolean", "A boolean.", "?1"),
    _string(
        "json-escapes",
        "Slashes escaped as in JSON: an escape that strings do not have.",
        f'"{PLATFORM.replace("/", chr(92) + "/")}"',
        "agent_malformed",
    ),
    _string("open", "The string is not closed.", f'"{PLATFORM}', "agent_malformed"),
    Case(
        "agent-octet",
        "An octet beyond ASCII.",
        _STRING,
        GET,
        "invalid_profile_url",
        "agent_malformed",
        (put(AGENT[0], f'{_MEMBER}, name="caf\xe9"'),),
    ),
    _string("angle-brackets", "Angle brackets around the URL.", f'"<{PLATFORM}>"', "not_a_url"),
)

_URLS: Final = (
    Case(
        "agent-host-upper-case",
        "Scheme and host in capitals: the same identity.",
        _SAME,
        _profile(f"HTTPS://PLATFORM.EXAMPLE{_PATH}"),
    ),
    Case(
        "agent-default-port",
        "The default port is dropped: the same identity.",
        _SAME,
        _profile(f"https://platform.example:443{_PATH}"),
    ),
    Case(
        "agent-query",
        "A query is part of the identity, byte for byte.",
        _SAME,
        _profile(f"{url('query')}?v=%7e1&w=1"),
        identity=f"{url('query')}?v=%7e1&w=1",
    ),
    _elsewhere("slash-at-end", "A slash at the end: another URL.", f"{PLATFORM}/"),
    _elsewhere(
        "path-case",
        "The path in capitals: another URL.",
        "https://platform.example/.Well-Known/UCP",
    ),
    _elsewhere("empty-query", "A question mark at the end: another URL.", f"{PLATFORM}?"),
    _elsewhere(
        "escaped",
        "A letter percent-encoded: another URL.",
        "https://platform.example/.well-known/uc%70",
    ),
    _elsewhere("other-port", "Another port: another URL.", f"https://platform.example:8443{_PATH}"),
    _form("empty-url", "An empty string.", ""),
    _form("scheme-missing", "No scheme.", f"//platform.example{_PATH}"),
    _form(
        "scheme-other", "A scheme that is not HTTPS.", f"ftp://platform.example{_PATH}", "scheme"
    ),
    _form("password", "User and password.", f"https://a:b@platform.example{_PATH}"),
    _form("backslash", "Backslashes for slashes.", r"https:\\\\platform.example\\.well-known\\ucp"),
    _form("space", "A space in the path.", f"{PLATFORM} x"),
    _form("port-zero", "Port 0.", f"https://platform.example:0{_PATH}"),
    _form("port-out-of-range", "Port 65536.", f"https://platform.example:65536{_PATH}", "port"),
    _form("empty-fragment", "A number sign at the end.", f"{PLATFORM}#"),
    _invalid(
        "encoded-dots",
        "A dot segment, percent-encoded.",
        _FORM,
        _profile("https://platform.example/a/%2e%2e/.well-known/ucp"),
        "path",
    ),
    _host("host-empty", "No host.", "", "not_a_url"),
    _host("host-dot-at-end", "A dot behind the name.", "platform.example."),
    _host("host-empty-label", "Two dots in a row.", "platform..example"),
    _host("host-hyphen", "A label that begins with a hyphen.", "-platform.example"),
    _host("host-underscore", "An underscore.", "plat_form.example", "not_a_url"),
    _host("host-escaped", "A percent-encoded host.", "platform%2Eexample", "not_a_url"),
    _host("host-zone", "An IPv6 address with a zone.", "[fe80::1%25eth0]", "not_a_url"),
    _host("host-long-label", "A label of 64 characters.", f"{'a' * 64}.example"),
    _host("number-decimal", "127.0.0.1 as one number.", "2130706433", rule=_NUMBERS),
    _host("number-hexadecimal", "127.0.0.1 in hexadecimal.", "0x7f.0.0.1", rule=_NUMBERS),
    _host("number-octal", "127.0.0.1 with an octal part.", "0177.0.0.1", rule=_NUMBERS),
    _host("number-short", "127.0.0.1 without its zeros.", "127.1", rule=_NUMBERS),
    _host("number-ipv6", "::1 in a long spelling.", "[0:0:0:0:0:0:0:1]", rule=_NUMBERS),
)

_ADDRESSES: Final = (
    _address(
        "this-network",
        "0.0.0.0, which many systems take for themselves.",
        "0.0.0.0",  # noqa: S104 - nobody binds to it here
        _IPV4,
    ),
    _address("private-10", "10.0.0.0/8.", "10.1.2.3", _IPV4),
    _address("private-172", "172.16.0.0/12.", "172.31.255.254", _IPV4),
    _address("private-192", "192.168.0.0/16.", "192.168.1.1", _IPV4),
    _address("shared", "100.64.0.0/10, carriers' translation.", "100.64.0.1", _IPV4),
    _address("documentation", "192.0.2.0/24.", "192.0.2.1", _IPV4),
    _address("benchmarking", "198.18.0.0/15.", "198.19.0.1", _IPV4),
    _address("multicast", "224.0.0.0/4.", "224.0.0.1", _IPV4),
    _address("reserved", "240.0.0.0/4.", "250.0.0.1", _IPV4),
    _address("broadcast", "255.255.255.255.", "255.255.255.255", _IPV4),
    _address("ipv6-loopback", "::1.", "[::1]", _IPV6),
    _address("ipv6-unspecified", "::.", "[::]", _IPV6),
    _address("ipv6-link-local", "fe80::/10.", "[fe80::1]", _IPV6),
    _address("ipv6-unique-local", "fc00::/7.", "[fd00::1]", _IPV6),
    _address("ipv6-multicast", "ff00::/8.", "[ff02::1]", _IPV6),
    _address("ipv6-documentation", "2001:db8::/32.", "[2001:db8::1]", _IPV6),
    _address("ipv4-mapped", "127.0.0.1 mapped into IPv6.", "[::ffff:7f00:1]", _WITHIN),
    _address("nat64", "127.0.0.1 by way of NAT64.", "[64:ff9b::7f00:1]", _WITHIN),
    _address("6to4", "127.0.0.1 by way of 6to4.", "[2002:7f00:1::1]", _WITHIN),
    _address("teredo", "An address of Teredo.", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", _WITHIN),
)

TOPIC: Final = Topic(
    "UCP-Agent: the structured field, and which URLs may stand in it",
    (*_FIELDS, *_URLS, *_ADDRESSES),
)
