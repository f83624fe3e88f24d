import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.steps import Caller
from connector.upstream.headers import (
    answer_headers,
    forward_head,
    forwarded_block,
    observed_head,
    verified_block,
)
from tests.connector.caller_key import KEY

Lines = list[tuple[bytes, bytes]]

CALLER = Caller(
    identity="https://platform.example/.well-known/ucp",
    keyid="platform-2026",
    thumbprint="NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    scheme="rfc9421",
    label="sig1",
    tier="discovered",
    version="2026-08-25",
    signature_base=b"",
    signature=b"",
    key=KEY,
)
VERIFIED = verified_block(CALLER, "create_checkout")
FORWARDED = forwarded_block("203.0.113.7", "https", "shop.example.com")
TRACEPARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
HOST = (b"Host", b"shop.example.com")


def forwarded(
    lines: Lines,
    *,
    method: str = "POST",
    target: str = "/ucp/v1/checkout-sessions?a=%2F",
    body_length: int = 0,
    host: bytes | None = None,
    keyed_write: bool = False,
    audit_id: str = "0198f3c2",
) -> tuple[bytes, Lines]:
    head = forward_head(
        method,
        target,
        lines,
        body_length,
        host=host,
        verified=VERIFIED,
        forwarded=FORWARDED,
        audit_id=audit_id,
        keyed_write=keyed_write,
        random_bytes=bytes([0xAB]).__mul__,
    )
    return parsed(head)


def parsed(head: bytes) -> tuple[bytes, Lines]:
    """Cut a head at its line ends, and prove that it has no others."""
    assert head.endswith(b"\r\n\r\n")
    request_line, *lines = head[:-4].split(b"\r\n")
    assert not any(byte in line for line in [request_line, *lines] for byte in b"\r\n\0")
    pairs = [line.partition(b": ") for line in lines]
    assert all(separator for _, separator, _ in pairs)
    return request_line, [(name, value) for name, _, value in pairs]


OURS: Lines = [
    (b"UCP-Verified", b"true"),
    (b"UCP-Verified-Identity", b"https://platform.example/.well-known/ucp"),
    (b"UCP-Verified-Keyid", b"platform-2026"),
    (b"UCP-Verified-Thumbprint", b"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
    (b"UCP-Verified-Scheme", b"rfc9421"),
    (b"UCP-Verified-Tier", b"discovered"),
    (b"UCP-Verified-Version", b"2026-08-25"),
    (b"UCP-Verified-Operation", b"create_checkout"),
    (b"traceparent", b"00-" + b"ab" * 16 + b"-" + b"ab" * 8 + b"-01"),
    (b"Audit-ID", b"0198f3c2"),
    (b"X-Forwarded-For", b"203.0.113.7"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Forwarded-Host", b"shop.example.com"),
]


def test_the_request_line_has_exactly_the_received_target() -> None:
    for target in ("/a/../b//c?", "/%7e;x=1?a=b&a=%2F#", '/"', "/\xff", "/a?b?c"):
        line, _ = forwarded([HOST], target=target)
        assert line == b"POST " + target.encode("latin-1") + b" HTTP/1.1"


def test_received_lines_come_first_as_they_were_and_ours_behind_them() -> None:
    lines: Lines = [
        (b"accept", b"*/*"),
        HOST,
        (b"X-b", b"1"),
        (b"x-B", b""),
        (b"UCP-Agent", b'profile="https://platform.example/.well-known/ucp"'),
        (b"Signature", b"sig1=:AA==:"),
        (b"Accept-Encoding", b"gzip"),
        (b"X_b", b"\xff"),
    ]
    assert forwarded(lines)[1] == lines + OURS


def spellings(name: str) -> list[bytes]:
    separators = [name.replace("-", mark) for mark in "-_"]
    mixed = name.replace("-", "_", 1)
    return [
        case.encode()
        for spelling in [*separators, mixed]
        for case in (spelling, spelling.lower(), spelling.upper(), spelling.title())
    ]


STRIPPED = [
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "Proxy-Authorization",
    "Proxy-Anything",
    "TE",
    "Trailer",
    "Upgrade",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Client-Cert",
    "Forwarded",
    "X-Real-IP",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-Original-URL",
    "X-Rewrite-URL",
    "HTTP2-Settings",
    "Expect",
    "Audit-ID",
    "UCP-Verified",
    "UCP-Verified-Identity",
    "UCP-Verified-Claim",
    "UCP-Verified-Anything",
]


@pytest.mark.parametrize("name", STRIPPED)
def test_what_must_not_reach_the_merchant_is_dropped_in_every_spelling(name: str) -> None:
    for spelling in spellings(name):
        assert forwarded([HOST, (spelling, b"forged")])[1] == [HOST, *OURS]


@pytest.mark.parametrize("name", [*STRIPPED, "Transfer-Encoding"])
def test_nothing_that_poses_as_ours_reaches_the_merchant_unverified(name: str) -> None:
    for spelling in spellings(name):
        head = observed_head("GET", "/a", [HOST, (spelling, b"forged")], 0, host=None)
        assert parsed(head)[1] == [HOST, (b"UCP-Verified", b"false")]


@pytest.mark.parametrize("name", [b"Content_Length", b"CONTENT_length", b"Transfer_Encoding"])
def test_a_framing_line_in_another_spelling_is_dropped(name: bytes) -> None:
    assert forwarded([HOST, (name, b"chunked")])[1] == [HOST, *OURS]


@pytest.mark.parametrize(
    "name", ["X-Forward", "XForwarded-For", "UCP-Agent", "X-UCP-Verified", "Proxy", "Expected"]
)
def test_names_that_only_look_alike_are_kept(name: str) -> None:
    line = (name.encode(), b"x")
    assert forwarded([HOST, line])[1] == [HOST, line, *OURS]


def test_a_host_that_is_not_kept_is_replaced_in_its_place() -> None:
    lines: Lines = [(b"A", b"1"), (b"hOST", b"shop.example.com"), (b"B", b"2")]
    sent = forwarded(lines, host=b"10.0.0.5:8182")[1]
    assert sent == [(b"A", b"1"), (b"hOST", b"10.0.0.5:8182"), (b"B", b"2"), *OURS]


@pytest.mark.parametrize("lines", [[], [HOST, HOST], [HOST, (b"host", b"other.example")]])
def test_anything_but_one_host_is_refused(lines: Lines) -> None:
    with pytest.raises(ValueError, match="Host"):
        forwarded(lines)


def test_a_received_length_is_kept_in_its_place() -> None:
    lines: Lines = [(b"CONTENT-length", b"005"), HOST]
    assert forwarded(lines, body_length=5)[1] == lines + OURS


@pytest.mark.parametrize("value", [b"4", b"", b"x", b"5, 5"])
def test_a_length_that_is_not_the_bodys_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"Content-Length|invalid literal"):
        forwarded([HOST, (b"Content-Length", value)], body_length=5)


@pytest.mark.parametrize("second", [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")])
def test_two_framings_are_refused(second: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="framing"):
        forwarded([HOST, (b"Content-Length", b"5"), second], body_length=5)


@pytest.mark.parametrize("length", [5, 0])
def test_a_request_that_came_in_chunks_goes_on_with_a_length(length: int) -> None:
    lines: Lines = [HOST, (b"Transfer-Encoding", b"chunked"), (b"A", b"b")]
    sent = forwarded(lines, body_length=length)[1]
    assert sent == [HOST, (b"A", b"b"), (b"Content-Length", b"%d" % length), *OURS]


def test_a_get_without_a_body_goes_without_a_length() -> None:
    assert forwarded([HOST], method="GET")[1] == [HOST, *OURS]
    chunked = (b"Transfer-Encoding", b"chunked")
    assert forwarded([HOST, chunked], method="GET")[1] == [HOST, *OURS]


def test_a_keyed_write_asks_for_an_answer_without_encoding() -> None:
    lines: Lines = [HOST, (b"accept-ENCODING", b"gzip"), (b"Accept_Encoding", b"br")]
    expected = [HOST, *OURS]
    expected.insert(-4, (b"Accept-Encoding", b"identity"))
    assert forwarded(lines, keyed_write=True)[1] == expected
    assert forwarded(lines)[1] == lines + OURS


def test_a_valid_trace_goes_on() -> None:
    state: Lines = [(b"tracestate", b"a=1"), (b"Tracestate", b"b=2")]
    sent = forwarded([*state, HOST, (b"Traceparent", TRACEPARENT)])[1]
    at = sent.index((b"traceparent", TRACEPARENT))
    assert sent[at + 1 : at + 3] == state
    assert [name.lower() for name, _ in sent].count(b"traceparent") == 1


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [(b"traceparent", b"00-zz")],
        [(b"traceparent", TRACEPARENT), (b"Traceparent", TRACEPARENT)],
        [(b"traceparent", TRACEPARENT + b", " + TRACEPARENT)],
    ],
)
def test_otherwise_a_trace_begins_here_without_the_received_state(lines: Lines) -> None:
    assert forwarded([HOST, *lines, (b"tracestate", b"a=1")])[1] == [HOST, *OURS]


def test_an_unverified_request_carries_one_line_of_ours_and_keeps_its_trace() -> None:
    lines: Lines = [
        HOST,
        (b"traceparent", b"anything"),
        (b"tracestate", b"a=1"),
        (b"Accept-Encoding", b"gzip"),
        (b"Content-Length", b"5"),
    ]
    request_line, sent = parsed(observed_head("POST", "/a?", lines, 5, host=b"merchant:1"))
    assert request_line == b"POST /a? HTTP/1.1"
    assert sent == [(b"Host", b"merchant:1"), *lines[1:], (b"UCP-Verified", b"false")]


HOSTILE = "a\r\nX-Injected: 1\r\n\r\n\0\x7f \u00e9\u2028%41"


def test_what_the_connector_says_cannot_inject_a_line() -> None:
    caller = CALLER._replace(
        identity=HOSTILE,
        keyid=HOSTILE,
        thumbprint=HOSTILE,
        scheme=HOSTILE,
        tier=HOSTILE,
        version=HOSTILE,
    )
    block = verified_block(caller, HOSTILE) + forwarded_block(HOSTILE, HOSTILE, HOSTILE)
    _, lines = parsed(b"GET / HTTP/1.1\r\n" + block + b"\r\n")
    assert len(lines) == 11
    for name, value in lines[1:]:
        percent = b"%41" if name == b"UCP-Verified-Identity" else b"%2541"
        assert value == (b"a%0D%0AX-Injected:%201%0D%0A%0D%0A%00%7F%20%C3%A9%E2%80%A8" + percent)


@pytest.mark.parametrize("character", "\r\n\0\x7f\u00e9\u2028")
def test_an_audit_id_that_is_no_text_for_a_line_is_refused(character: str) -> None:
    with pytest.raises(ValueError, match=r"audit id|ascii"):
        forwarded([HOST], audit_id=f"a{character}X-Injected: 1")


def test_different_keyids_look_different() -> None:
    keyids = ["a b", "a%20b", "a%2520b", 'a"b', "a\\b", "a%22b"]
    blocks = {verified_block(CALLER._replace(keyid=keyid), "x") for keyid in keyids}
    assert len(blocks) == len(keyids)


# Answers


def test_an_answer_loses_its_framing_and_hop_by_hop_lines_only() -> None:
    kept: Lines = [
        (b"Server", b"x"),
        (b"set-cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
        (b"Content-Encoding", b"gzip"),
        (b"Signature-Agent", b"kept"),
        (b"Repr-Digest", b"sha-256=:AA==:"),
    ]
    dropped: Lines = [
        (b"Content-Length", b"5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"connection", b"keep-alive"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Proxy-Authenticate", b"Basic"),
        (b"TE", b"trailers"),
        (b"Trailer", b"x"),
        (b"Upgrade", b"h2c"),
        (b"Audit-ID", b"forged"),
        (b"ucp-verified", b"true"),
        (b"UCP_Verified_Tier", b"registered"),
    ]
    mixed = [line for pair in itertools.zip_longest(kept, dropped) for line in pair if line]
    assert answer_headers(mixed) == kept


@pytest.mark.parametrize("name", ["Signature", "Signature-Input", "Content-Digest"])
def test_what_the_merchant_signs_or_digests_itself_goes_in_every_spelling(name: str) -> None:
    lines: Lines = [(each, b"sig1=:AA==:") for each in spellings(name)]
    assert len(lines) > 2
    assert answer_headers([*lines, (b"A", b"1")]) == [(b"A", b"1")]


def test_an_answer_loses_what_its_connection_line_names() -> None:
    lines: Lines = [
        (b"X-Hop", b"1"),
        (b"Connection", b"close, x-hop"),
        (b"connection", b", X-Other ,"),
        (b"X-OTHER", b"2"),
        (b"X-End", b"3"),
    ]
    assert answer_headers(lines) == [(b"X-End", b"3")]


@pytest.mark.parametrize("options", [b"keep-alive", b"Keep-Alive", b"close", b"KEEP-alive, TE"])
def test_connection_options_of_http_itself_cost_no_other_line(options: bytes) -> None:
    lines: Lines = [(b"Close", b"1"), (b"Connection", options), (b"A", b"2")]
    assert answer_headers(lines) == [(b"Close", b"1"), (b"A", b"2")]


# Fidelity

NAMES = st.one_of(
    st.text("abcXYZ019-_!~", min_size=1, max_size=12).map(str.encode),
    st.sampled_from([spelling for name in STRIPPED for spelling in spellings(name)]),
)
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20
).map(lambda text: text.strip().encode("latin-1"))
SPECIAL = [
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"traceparent",
    b"tracestate",
    b"accept-encoding",
]


def is_listed(name: bytes) -> bool:
    plain = name.lower().replace(b"_", b"-")
    listed = [name.lower().encode() for name in STRIPPED]
    prefixes = (b"x-forwarded-", b"proxy-", b"ucp-verified")
    return plain in listed or plain.startswith(prefixes) or plain in SPECIAL


@given(st.lists(st.tuples(NAMES, VALUES), max_size=10), st.binary(max_size=30), st.integers(0, 10))
def test_a_forwarded_request_differs_in_nothing_but_the_listed_changes(
    lines: Lines, body: bytes, place: int
) -> None:
    lines = [line for line in lines if line[0].lower() not in SPECIAL]
    lines.insert(place % (len(lines) + 1), HOST)
    if body:
        lines.insert(place % (len(lines) + 1), (b"content-length", b"%d" % len(body)))
    kept = [line for line in lines if line[0].lower() in SPECIAL or not is_listed(line[0])]
    _, sent = forwarded(lines, body_length=len(body))
    assert sent == kept + OURS


def test_fresh_randomness_is_asked_for_each_trace() -> None:
    heads = {
        forward_head(
            "GET",
            "/",
            [HOST],
            0,
            host=None,
            verified=VERIFIED,
            forwarded=FORWARDED,
            audit_id="a",
            keyed_write=False,
            random_bytes=os.urandom,
        )
        for _ in range(5)
    }
    assert len(heads) == 5
