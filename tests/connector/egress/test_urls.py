from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.egress.urls import MAX_URL, ProfileUrl, normalise
from connector.errors import Refusal

SAME = [
    "https://platform.example",
    "https://platform.example/",
    "https://platform.example/.well-known/ucp",
    "https://platform.example:8443/a/b?c=d&e",
    "https://platform.example/a//b;v=1/%7Euser/~user?x=%2e%2e/../?",
    "https://platform.example?",
    "https://xn--bcher-kva.example/ucp",
    "https://a-b.c--d.example/",
    "https://93.184.216.34/ucp",
    "https://[2606:2800:220:1::1]/ucp",
    "https://[2606:2800:220:1::1]:8443/ucp",
    "https://company.127.0.0.1.nip.io/",
    "https://localhost/",
    "https://platform.example/...",
    "https://platform.example/.hidden/a.b/..c",
]

FOLDED = [
    ("HTTPS://Platform.EXAMPLE/Path", "https://platform.example/Path"),
    ("https://platform.example:443/x", "https://platform.example/x"),
    ("https://platform.example:443", "https://platform.example"),
    ("https://[2606:2800:220:1::ABCD]:443/", "https://[2606:2800:220:1::abcd]/"),
]

REFUSED = [
    "",
    "platform.example/ucp",
    "//platform.example/ucp",
    "https:/platform.example/ucp",
    "https:platform.example",
    "https://",
    "https:///ucp",
    "http://platform.example/ucp",
    "ftp://platform.example/",
    "https://user@platform.example/",
    "https://user:secret@platform.example/",
    "https://@platform.example/",
    "https://platform.example/#fragment",
    "https://platform.example/#",
    "https://platform.example:/",
    "https://platform.example:0/",
    "https://platform.example:0443/",
    "https://platform.example:65536/",
    "https://platform.example:99999/",
    "https://platform.example:x/",
    "https://platform.example/a/../b",
    "https://platform.example/a/./b",
    "https://platform.example/..",
    "https://platform.example/.",
    "https://platform.example/a/%2e%2e/b",
    "https://platform.example/a/.%2E/b",
    "https://platform.example/%2E",
    "https://platform.example\\@evil.example/",
    "https://platform.example/a\\b",
    "https://platform.example/a b",
    " https://platform.example/",
    "https://platform.example/ ",
    "https://platform.example/\n",
    "https://platform.example/\t",
    "https://plat\x00form.example/",
    "https://platform.example/\x7f",
    "https://platform.example/é",
    "https://bücher.example/",
    "https://platform。example/",
    "https://platform.example/%",
    "https://platform.example/%4",
    "https://platform.example/%zz",
    "https://platform.example/<path>",
    "https://platform.example/{path}",
    'https://platform.example/"',
    "https://platform.example/[x]",
    "https://platform.example?a|b",
    "https://platform.example./",
    "https://.platform.example/",
    "https://platform..example/",
    "https://-platform.example/",
    "https://platform-.example/",
    "https://plat_form.example/",
    "https://plat%66orm.example/",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 126}example/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://93.184.216.034/",
    "https://93.184.216.34./",
    "https://93.184.216.256/",
    "https://93.184.55330/",
    "https://platform.123/",
    "https://platform.0x1/",
    "https://platform.0x/",
    "https://[2606:2800:220:1:0:0:0:1]/",
    "https://[2606:2800:0220:1::1]/",
    "https://[2606:2800:220:1::1%25eth0]/",
    "https://[2606:2800:220:1::1/",
    "https://2606:2800:220:1::1/",
    "https://[93.184.216.34]/",
    "https://[]/",
    "https://[v1.x]/",
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://platform.example/" + "a" * MAX_URL,
]


@pytest.mark.parametrize("text", SAME)
def test_a_url_in_its_one_form_stays_byte_for_byte(text: str) -> None:
    assert normalise(text).url == text


@pytest.mark.parametrize(("text", "expected"), FOLDED)
def test_case_of_scheme_and_host_and_the_default_port_are_folded(text: str, expected: str) -> None:
    assert normalise(text).url == expected


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_an_invalid_profile_url(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        normalise(text)
    assert caught.value.code.name == "invalid_profile_url"


def test_a_url_of_the_greatest_length_is_taken() -> None:
    text = "https://platform.example/"
    text += "a" * (MAX_URL - len(text))
    assert normalise(text).url == text


def test_the_parts_are_what_a_request_needs() -> None:
    assert normalise("https://Platform.example:8443?x=1") == ProfileUrl(
        url="https://platform.example:8443?x=1",
        scheme="https",
        host="platform.example",
        port=8443,
        target="/?x=1",
        origin="https://platform.example:8443",
        address=None,
    )


def test_the_authority_of_an_ipv6_address_has_brackets_and_the_host_none() -> None:
    url = normalise("https://[2606:2800:220:1::1]:8443/")
    assert (url.host, url.authority, url.address) == (
        "2606:2800:220:1::1",
        "[2606:2800:220:1::1]:8443",
        ip_address("2606:2800:220:1::1"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:8183/ucp", "http://127.0.0.1:8183/ucp"),
        ("http://localhost:80/ucp", "http://localhost/ucp"),
        ("https://127.0.0.1/ucp", "https://127.0.0.1/ucp"),
        ("http://[::1]:8183/ucp", "http://[::1]:8183/ucp"),
    ],
)
def test_the_loopback_switch_admits_plain_http_and_loopback(text: str, expected: str) -> None:
    assert normalise(text, allow_loopback=True).url == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://93.184.216.34/",
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "http://127.1/",
        "http://[::ffff:7f00:1]/",
        "ftp://127.0.0.1/",
    ],
)
def test_the_loopback_switch_admits_nothing_else(text: str) -> None:
    with pytest.raises(Refusal):
        normalise(text, allow_loopback=True)


def test_the_switch_is_part_of_what_is_remembered() -> None:
    normalise("http://127.0.0.1:8183/remembered", allow_loopback=True)
    with pytest.raises(Refusal):
        normalise("http://127.0.0.1:8183/remembered")


@given(st.text(max_size=60).map("https://".__add__) | st.text(max_size=60))
@example("https://[::1%25]/")
@example("https://[" + ":" * 50 + "]/")
def test_only_a_refusal_escapes_and_the_form_is_a_fixed_point(text: str) -> None:
    try:
        url = normalise(text)
    except Refusal as refusal:
        assert refusal.code.name == "invalid_profile_url"  # noqa: PT017 - either way is right
    else:
        assert normalise(url.url) == url


LABEL = st.from_regex(r"[a-zA-Z]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?", fullmatch=True)


@given(
    labels=st.lists(LABEL, min_size=1, max_size=4),
    port=st.none() | st.integers(1, 65535),
    path=st.lists(st.from_regex(r"[a-zA-Z0-9~!$&'()*+,;=:@-]{0,8}", fullmatch=True), max_size=4),
)
def test_path_and_query_survive_byte_for_byte(
    labels: list[str], port: int | None, path: list[str]
) -> None:
    host = ".".join(labels)
    rest = "".join("/" + segment for segment in path) + "?Q=%7e"
    text = f"https://{host}{'' if port is None else f':{port}'}{rest}"
    url = normalise(text)
    shown = "" if port in {None, 443} else f":{port}"
    assert url.url == f"https://{host.lower()}{shown}{rest}"
