import pytest

from connector.errors import Refusal
from connector.ingress.target import check_target


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/checkout-sessions",
        b"/carts/a:b=c@d!e$f,g",
        b"/p?",
        b"/p?a=b/../c//d&e=%2e%2f",
        b"/p?a=b?c",
        b"/p?filter[a]=1",
        b"/a%20b",
        b"/.well-known/ucp",
        b"/...",
        b"/a..",
        b"/trailing/",
        b"/~user/a'b(c)*d+e;f",
    ],
)
def test_a_target_that_reads_in_one_way_passes(target: bytes) -> None:
    check_target(target)


@pytest.mark.parametrize(
    ("target", "explained"),
    [
        (b"http://shop.example.com/p", "origin-form"),
        (b"https://shop.example.com", "origin-form"),
        (b"shop.example.com:443", "origin-form"),
        (b"*", "origin-form"),
        (b"", "origin-form"),
        (b"p", "origin-form"),
        (b"\\p", "origin-form"),
        (b"//evil.example/p", "empty segment"),
        (b"/a//b", "empty segment"),
        (b"/.", "dot segment"),
        (b"/..", "dot segment"),
        (b"/./a", "dot segment"),
        (b"/a/../b", "dot segment"),
        (b"/a/..?q", "dot segment"),
        (b"/a/%2e%2e/b", "encoded dot"),
        (b"/a%2Fb", "encoded dot"),
        (b"/a%5cb", "encoded dot"),
        (b"/a%00b", "encoded dot"),
        (b"/a%", "encodes nothing"),
        (b"/a%4", "encodes nothing"),
        (b"/a?q=%zz", "encodes nothing"),
        (b"/a%u0041", "encodes nothing"),
        (b"/a#f", "percent-encoded"),
        (b"/a?q#f", "percent-encoded"),
        (b"/a[1]", "percent-encoded"),
        *((b"/a" + bytes([octet]), "percent-encoded") for octet in b'\0\t\r\n\x1f "<>\\^`{|}\x7f'),
        *((b"/a?" + bytes([octet]), "percent-encoded") for octet in b'\0\t\r\n\x1f "<>\\^`{|}'),
        (b"/\xc3\xa9", "percent-encoded"),
        (b"/a?\xff", "percent-encoded"),
    ],
)
def test_a_target_that_could_be_read_differently_is_refused(target: bytes, explained: str) -> None:
    with pytest.raises(Refusal, match=explained) as refused:
        check_target(target)
    assert refused.value.code.name == "malformed_request"
    assert refused.value.reason == "target"
