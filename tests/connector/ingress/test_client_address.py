import pytest

from connector.ingress.client_address import ClientAddresses

ADDRESSES = ClientAddresses(["10.0.0.0/8", "2001:db8:f::/48", "192.0.2.7"])


def behind(*lines: bytes) -> str:
    return ADDRESSES.behind(ADDRESSES.peer("10.0.0.1"), lines).address


def test_a_peer_is_trusted_by_its_network() -> None:
    assert ADDRESSES.peer("10.1.2.3").trusted
    assert ADDRESSES.peer("192.0.2.7").trusted
    assert ADDRESSES.peer("2001:db8:f::9").trusted
    assert ADDRESSES.peer("::ffff:10.1.2.3").trusted
    assert not ADDRESSES.peer("192.0.2.8").trusted
    assert not ADDRESSES.peer(None).trusted
    assert not ADDRESSES.peer("not an address").trusted


def test_ipv6_counts_by_its_first_64_bits_and_ipv4_whole() -> None:
    def key(address: str) -> str | int:
        return ADDRESSES.peer(address).key

    assert key("2001:db8::1") == key("2001:db8::ffff:1")
    assert key("2001:db8::1") != key("2001:db8:0:1::1")
    assert key("192.0.2.1") != key("192.0.2.2")
    assert key("::ffff:192.0.2.1") == key("192.0.2.1")
    assert key("fe80::1%eth0") == key("fe80::2")


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([b"203.0.113.9"], "203.0.113.9"),
        ([b"198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ([b"198.51.100.1, 203.0.113.9,10.0.0.5 ,\t192.0.2.7"], "203.0.113.9"),
        ([b"198.51.100.1", b"203.0.113.9, 10.0.0.5"], "203.0.113.9"),
        ([b"garbage, 203.0.113.9"], "203.0.113.9"),
        ([b"10.0.0.9, 10.0.0.5"], "10.0.0.9"),
        ([b"203.0.113.9:55555"], "203.0.113.9"),
        ([b"[2001:db8::1]:443"], "2001:db8::1"),
        ([b"2001:DB8::1"], "2001:db8::1"),
        ([b"::ffff:203.0.113.9"], "203.0.113.9"),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_not_trusted(
    lines: list[bytes], client: str
) -> None:
    assert behind(*lines) == client


@pytest.mark.parametrize(
    "line", [b"", b"unknown", b"203.0.113.9, _hidden", b"203.0.113.9,", b"1.2.3", b"\xff", b"[::1"]
)
def test_a_hop_that_cannot_be_read_leaves_the_proxy_itself(line: bytes) -> None:
    assert behind(line) in ("10.0.0.1", "::1")
    assert behind(line) == "10.0.0.1" or line == b"[::1"


def test_a_long_chain_of_trusted_hops_is_not_followed_for_ever() -> None:
    assert behind(b"203.0.113.9" + b",10.0.0.5" * 5000) == "10.0.0.5"


def test_networks_that_are_none_are_refused_at_start() -> None:
    with pytest.raises(ValueError, match="network"):
        ClientAddresses(["10.0.0.0/33"])
