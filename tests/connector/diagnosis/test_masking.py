from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.masking import (
    MASK,
    base_line,
    base_lines,
    head_lines,
    is_secret,
    mask_query,
)
from connector.diagnosis.vectors import WireRequest


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", True),
        ("Proxy-Authorization", True),
        ("cookie", True),
        ("X-Api-Key", True),
        ("X-Access-Token", True),
        ("client_secret", True),
        ("X-Session-Id", True),
        ("session_id", True),
        ("X-Auth-Key", True),
        ("X-JWT-Assertion", True),
        ("access_token_v2", True),
        ("x-amz-signature", True),
        ("sid", True),
        ("Signature-Input", False),
        ("Content-Digest", False),
        ("line_items_key_points", True),
        ("monkey", False),
        ("Host", False),
        ("@authority", False),
        ("Idempotency-Key", False),
        ("Signature", False),
        ("checkout-sessions", False),
    ],
)
def test_which_names_are_secret(name: str, *, secret: bool) -> None:
    assert is_secret(name) is secret


def test_what_a_terminal_would_obey_is_escaped() -> None:
    title = b"\x1b]0;gone\x07\x7f"
    request = WireRequest("GET", "/a\x1b[2J", "https", [(b"X\x1b", title)], b"")

    assert head_lines(request) == (
        "GET /a\\x1b[2J HTTP/1.1",
        "X\\x1b: \\x1b]0;gone\\x07\\x7f",
    )


def test_the_head_keeps_all_but_secrets() -> None:
    request = WireRequest(
        "GET",
        "/orders/1?token=abc&a=b&api%5Fkey=d",
        "https",
        [
            (b"Host", b"x"),
            (b"Authorization", b"Bearer abc"),
            (b"Referer", b"https://x/?access_token=abc"),
            (b"X", b"\x00\xff"),
        ],
        b"abc",
    )

    assert head_lines(request) == (
        f"GET /orders/1?token={MASK}&a=b&api%5Fkey={MASK} HTTP/1.1",
        "Host: x",
        f"Authorization: {MASK}",
        f"Referer: https://x/?access_token={MASK}",
        "X: \\x00\\xff",
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('"@method": GET', '"@method": GET'),
        ('"authorization": Bearer abc', f'"authorization": {MASK}'),
        ("authorization: abc", f"authorization: {MASK}"),
        ("Authorization:abc", f"Authorization: {MASK}"),
        ("'x-api-key' : abc", f"'x-api-key' : {MASK}"),
        ('"cookie";bs: :YWJj:', f'"cookie";bs: {MASK}'),
        ('"@method": GET\\n"cookie": abc\\n"a": b', f'"@method": GET\\n"cookie": {MASK}'),
        ('"@query": ?token=abc&b=c', f'"@query": ?token={MASK}&b=c'),
        ('"@query": token=abc', f'"@query": token={MASK}'),
        ('"@query-param";name="token": abc', f'"@query-param";name="token": {MASK}'),
        ('"@query-param";name="a": b', '"@query-param";name="a": b'),
        (
            '"@target-uri": https://x/a?b=c&session=abc',
            f'"@target-uri": https://x/a?b=c&session={MASK}',
        ),
        (
            '"@signature-params": ("@method" "authorization");created=1;keyid="abc"',
            '"@signature-params": ("@method" "authorization");created=1;keyid="abc"',
        ),
    ],
)
def test_a_line_of_a_base_keeps_all_but_secrets(line: str, shown: str) -> None:
    assert base_line(line) == shown


def test_a_base_is_shown_line_by_line() -> None:
    assert base_lines(b'"cookie": a=b\n"@method": GET') == (f'"cookie": {MASK}', '"@method": GET')


@given(
    st.from_regex(r"[a-z]{0,5}(token|secret|password)", fullmatch=True), st.text("xyz", min_size=6)
)
def test_no_secret_parameter_is_shown_wherever_it_stands(name: str, value: str) -> None:
    for text in (f"/a?{name}={value}", f"/a?b=c&{name}={value}&d=e", f"{name}={value}"):
        assert value not in mask_query(text)
        assert value not in base_line(f'"@query": {text}')
